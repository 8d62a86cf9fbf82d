"""The polite HTTP client of all sources.

It sends a User-Agent that identifies Shiomi, limits the rate of requests to each host, and obeys
Retry-After and x-ratelimit-*. Retries use exponential backoff with jitter. If a community has
problems, a retry budget and a circuit breaker stop the requests to it. The total time is limited.
For each request, the size of the body, the number of redirects and the time are limited. The clock,
the sleep and the random generator are passed in, so that tests run without waiting.

One `Http` belongs to one source and one thread; it sends one request at a time.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2

import shiomi
from shiomi.digest.errors import ConfigError, DigestError, SourceError
from shiomi.digest.sources.answer import Answer, UnusableAnswerError, excerpt
from shiomi.digest.sources.manners import Manners, backoff, rate_limit_wait, retry_after
from shiomi.digest.sources.watchdog import Watchdog
from shiomi.tls import tls_context

__all__ = ["Http", "RefusedError", "StoppedError", "UnreachableError", "new_client", "user_agent"]

T = TypeVar("T")

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_LATER = "collecting again later goes on where this stopped"
_CONNECTION = 0  # used as the status if the connection failed
_REMEDIES = {
    _CONNECTION: "check the network, and the endpoint in shiomi.toml",
    400: "the API may have changed; look for a newer version of shiomi",
    401: "check the credentials of this source in shiomi.toml",
    403: "this address or User-Agent is blocked; set [collect] contact, or wait a day",
    404: "check the name in shiomi.toml; it may be private, banned or misspelt",
    410: "it is gone; take it out of shiomi.toml",
    429: "it asks for fewer requests; collect less often",
}


class UnreachableError(SourceError):
    """The community could not be reached: the connection failed, the answer was incomplete, or no
    time or no attempt was left. `connected` is False if no request arrived."""

    def __init__(self, message: str, *, connected: bool = True) -> None:
        super().__init__(message)
        self.connected = connected


class RefusedError(SourceError):
    """The community answered with a permanent error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StoppedError(DigestError):
    """The user interrupted collecting. This is not a SourceError, so that no source catches it and
    goes on."""


class _FaultError(Exception):
    """A failed attempt that may be repeated. `wait` is the seconds that the server asked for, or
    None."""

    def __init__(self, reason: str, wait: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
        self.status = status


@dataclass(slots=True)
class _Host:
    next_time: float = 0.0  # no request before this time; unix seconds
    failures: int = 0  # failed requests in a row


def user_agent(contact: str) -> str:
    """Return `shiomi/<version> (+<contact>)`, which names the program and a contact for its
    operator.

    Raises ConfigError if the contact cannot be part of a header.
    """
    if not (contact.isascii() and contact.isprintable()):
        raise ConfigError(
            f"[collect] contact {contact!r} cannot stand in a User-Agent: "
            "use a URL or e-mail address in plain ASCII"
        )
    return f"shiomi/{shiomi.__version__}" + (f" (+{contact})" if contact else "")


def new_client(*, trust_env: bool = True) -> httpx2.Client:
    """Return a client with one connection, with timeouts, and without stored cookies."""
    return httpx2.Client(
        verify=tls_context(trust_env=trust_env),
        timeout=httpx2.Timeout(20.0, connect=10.0),
        limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,  # this module follows redirects, and checks and delays each of them
        trust_env=trust_env,
    )


@dataclass(slots=True)
class Http:
    """Sends the requests of one source, within its limits.

    Every method may raise RefusedError (the error status is permanent), UnreachableError (all
    attempts failed, the time is over, or the circuit breaker is open) or StoppedError. The text of
    each error names the address, the reason and the remedy.
    """

    name: str  # name of the source, for messages
    client: httpx2.Client
    user_agent: str
    clock: Callable[[], float]  # unix seconds, UTC
    sleep: Callable[[float], object]
    rng: random.Random
    manners: Manners = field(default_factory=Manners)
    budget_seconds: float = 300.0
    contact: str = ""
    stopped: Callable[[], bool] = lambda: False
    vet: Callable[[str], None] | None = None  # raises SourceError for a forbidden address
    validators: dict[str, dict[str, str]] = field(default_factory=dict)  # url → header → value
    # host → unix seconds; the host asked to wait until then
    blocked: dict[str, float] = field(default_factory=dict)
    reserved: dict[str, float] = field(default_factory=dict)  # host → unix seconds; see reserve()
    secrets: set[str] = field(default_factory=set)  # secret values, which no message may show
    requests: int = 0  # number of requests sent so far, including redirects and retries
    retries: int = 0
    _hosts: dict[str, _Host] = field(default_factory=dict)
    _deadline: float = 0.0
    _watchdog: Watchdog = field(default_factory=Watchdog)

    def __post_init__(self) -> None:
        self.budget_seconds = max(self.budget_seconds, self.manners.budget)
        self._deadline = self.clock() + self.budget_seconds

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

    @property
    def seconds_left(self) -> float:
        """Return the seconds left of the time budget; negative if it is exceeded."""
        return self._deadline - self.clock()

    def reserve(self, url: str) -> None:
        """Store the earliest time for the next request to the host, before a request is sent.

        Call it, then yield a batch, then send the request. The time is archived with the batch. So
        even if the process is killed after the request, the next process waits long enough.
        """
        request = self.client.build_request("GET", url)
        name, host = _name(request), self._host(request)
        turn = max(self.clock(), host.next_time, self.blocked.get(name, 0.0))
        self.reserved[name] = turn + self.manners.interval

    def waits(self) -> dict[str, float]:
        """Return the hosts that must not be asked yet, each with the time of the next request (unix
        seconds)."""
        names = {*self.blocked, *self.reserved}
        return {
            name: max(self.blocked.get(name, 0.0), self.reserved.get(name, 0.0)) for name in names
        }

    def redact(self, text: str) -> str:
        """Return `text` without the secrets that were sent with requests."""
        for value in self.secrets:
            text = text.replace(value, "…")
        return text

    def pin(self, address: Callable[[str], str]) -> None:
        """Connect to the IP address that `address` returns for a host name. No other DNS look-up is
        made."""
        self._watchdog.pin = address

    def abort(self) -> None:
        """End the current request. This may be called from another thread."""
        self._watchdog.bite()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        allow: tuple[int, ...] = (),
        conditional: bool = False,
    ) -> Answer:
        """Return the answer of `url`. The statuses in `allow` do not raise RefusedError.

        With `conditional`, the validators of the last answer are sent. If the server then answers
        with status 304, the result is an Answer with `not_modified`. Use `conditional` only if all
        threads of the answer are in the next batch. The validators are archived with that batch, so
        the server would not send threads again that the batch left out.
        """
        return self.fetch(
            url, lambda answer: answer, headers=headers, allow=allow, conditional=conditional
        )

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded JSON of `url`. A truncated or invalid answer is requested again."""
        return self.fetch(url, Answer.json, params=params, headers=headers)

    def fetch(
        self,
        url: str,
        parse: Callable[[Answer], T],
        *,
        method: str = "GET",
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        allow: tuple[int, ...] = (),
        conditional: bool = False,
        secret: Mapping[str, str] | None = None,
    ) -> T:
        """Return `parse(answer)`. If it raises UnusableAnswerError, the request is repeated.

        `secret` contains query parameters that are sent, but never shown and never stored.
        """
        try:
            request = self.client.build_request(
                method,
                url,
                params=dict(params) if params else None,
                headers={"User-Agent": self.user_agent, **(headers or {})},
                data=dict(form) if form else None,
            )
            if auth:
                request = next(httpx2.BasicAuth(*auth).auth_flow(request))
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, TypeError, ValueError) as error:
            raise RefusedError(f"{self.name}: {url[:200]!r} is no address: {error}", 0) from None
        key = str(request.url)
        if secret:
            self.secrets.update(filter(None, secret.values()))
            request.url = request.url.copy_merge_params(dict(secret))
        if conditional:
            request.headers.update(self.validators.get(key, {}))
        answer, result = self._persist(request, parse, (*allow, 304) if conditional else allow)
        if conditional and answer.status == 200:
            self._remember(key, answer)
        return result

    def _remember(self, key: str, answer: Answer) -> None:
        kept = {
            sent: answer.headers[received]
            for sent, received in (  # RFC 9110, 8.8
                ("If-None-Match", "etag"),
                ("If-Modified-Since", "last-modified"),
            )
            if received in answer.headers
        }
        self.validators.pop(key, None)
        if kept:
            self.validators[key] = kept

    def _persist(
        self, request: httpx2.Request, parse: Callable[[Answer], T], allow: tuple[int, ...]
    ) -> tuple[Answer, T]:
        """Repeat the request until the answer is usable or no attempt is left."""
        host = self._host(request)
        if host.failures >= self.manners.failures:
            raise UnreachableError(
                f"{self.name}: {request.url.host} failed {host.failures} requests in a row, "
                f"so it is left alone; {_LATER}"
            )
        attempt = 1
        while True:
            try:
                answer = self._follow(request, allow)
                result = parse(answer)
            except UnusableAnswerError as error:
                fault = _FaultError(str(error))
            except _FaultError as error:
                fault = error
            else:
                host.failures = 0
                return answer, result
            try:
                self._back_off(request, fault, attempt)
            except UnreachableError:
                host.failures += 1
                raise
            attempt += 1

    def _back_off(self, request: httpx2.Request, fault: _FaultError, attempt: int) -> None:
        """Set the waiting time before the next attempt at this host. Raise UnreachableError if no
        attempt is left."""
        wait = backoff(attempt, self.rng)
        if fault.wait is not None:
            wait += fault.wait
            self.blocked[_name(request)] = self.clock() + fault.wait
        where = f"{self.name}: {request.method} {_shown(request)}: {fault}"
        remedy = _LATER if fault.status is None else _REMEDIES.get(fault.status, _LATER)
        connected = fault.status != _CONNECTION
        if attempt >= self.manners.attempts:
            raise UnreachableError(f"{where}, {attempt} times; {remedy}", connected=connected)
        if self.retries >= self.manners.retries + self.requests // 10:
            raise UnreachableError(
                f"{where}; {self.retries} retries are enough for one run; {remedy}",
                connected=connected,
            )
        if self.clock() + wait >= self._deadline:
            raise UnreachableError(
                f"{where}; waiting {wait:.0f} s more would pass the time budget of "
                f"{self.budget_seconds:.0f} s; {remedy}",
                connected=connected,
            )
        self.retries += 1
        host = self._host(request)
        # A request that did not arrive does not count towards the host's limit.
        pause = host.next_time if connected else 0.0
        host.next_time = max(pause, self.clock() + wait)

    def _follow(self, request: httpx2.Request, allow: tuple[int, ...]) -> Answer:
        """Send the request, and follow its redirects."""
        for _ in range(self.manners.redirects + 1):
            self._wait(request)
            answer, following = self._send(request)
            if following is None:
                return self._judge(request, answer, allow)
            request = following
        raise RefusedError(
            f"{self.name}: {_shown(request)}: more than {self.manners.redirects} redirects; "
            "check the endpoint in shiomi.toml",
            310,
        )

    def _wait(self, request: httpx2.Request) -> None:
        """Wait until the next request to this host is allowed. Raise an error if no time is left or
        if the user stopped the run."""
        if self.vet is not None:
            self.vet(str(request.url))
        host = self._host(request)
        now, asked = self.clock(), self.blocked.get(_name(request), 0.0)
        until = max(now, host.next_time, asked)
        if until >= self._deadline:
            reason = f"the time budget of {self.budget_seconds:.0f} s ([collect] budget_seconds)"
            reason += " is spent"
            if asked >= self._deadline:
                reason = f"{request.url.host} asked to be left alone for {asked - now:.0f} s more"
            raise UnreachableError(
                f"{self.name}: {reason}, after {self.requests} requests; {_LATER}"
            )
        if until > now and not self.stopped():
            self.sleep(until - now)
        if self.stopped():
            raise StoppedError(f"{self.name}: interrupted after {self.requests} requests; {_LATER}")
        self.blocked.pop(_name(request), None)
        host.next_time = self.clock() + self.manners.interval

    def _send(self, request: httpx2.Request) -> tuple[Answer, httpx2.Request | None]:
        """Send one request. Return its whole answer, or the next request if it is a redirect."""
        self.requests += 1
        chunks: deque[bytes] = deque()
        size = 0
        seconds = min(self.manners.seconds, max(1.0, self._deadline - self.clock()))
        try:
            with self._watchdog.watch(request, seconds):
                response = self.client.send(request, stream=True)
                try:
                    if response.next_request is not None:
                        return self._answer(response, b""), response.next_request
                    for chunk in response.iter_bytes():
                        size += len(chunk)
                        if size > self.manners.bytes:
                            raise RefusedError(
                                f"{self.name}: {_shown(request)}: the answer is larger than "
                                f"{self.manners.bytes:,} bytes and was not read",
                                response.status_code,
                            )
                        chunks.append(chunk)
                finally:
                    response.close()
        except httpx2.UnsupportedProtocol as error:
            raise RefusedError(f"{self.name}: {_shown(request)}: {error}", 0) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise _FaultError(f"{type(error).__name__}: {error}", status=_CONNECTION) from None
        except (httpx2.RequestError, httpx2.InvalidURL, httpx2.StreamError) as error:
            if not self._watchdog.bit:
                raise _FaultError(f"{type(error).__name__}: {error}") from None
        # If the watchdog ended a request, this looks like an error or like the end of the answer.
        if self._watchdog.bit:
            raise _FaultError(f"took longer than {seconds:.0f} s")
        return self._answer(response, b"".join(chunks)), None

    def _answer(self, response: httpx2.Response, body: bytes) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait = rate_limit_wait(headers, self.clock())
        if wait is not None:
            host = self._host(response.request)
            host.next_time = max(host.next_time, self.clock() + wait)
        return Answer(str(response.url), response.status_code, headers, body, int(self.clock()))

    def _judge(self, request: httpx2.Request, answer: Answer, allow: tuple[int, ...]) -> Answer:
        """Return the answer if its status is acceptable; else raise _FaultError or RefusedError."""
        status = answer.status
        if 200 <= status < 300 or status in allow:
            return answer
        said = f"answered {status}{excerpt(answer)}"
        if status in _RETRIED:
            wait = retry_after(answer.headers, self.clock())
            # Lobsters sends this to limit requests
            limited = status == 429 or (status == 500 and not answer.body)
            if wait is None and limited and self.manners.limited:
                wait = rate_limit_wait(answer.headers, self.clock()) or self.manners.limited
            raise _FaultError(said, wait, status)
        remedy = _REMEDIES.get(status, "look for a newer version of shiomi")
        raise RefusedError(
            f"{self.name}: {request.method} {_shown(request)} {said}; {remedy}", status
        )

    def _host(self, request: httpx2.Request) -> _Host:
        return self._hosts.setdefault(_name(request), _Host())


def _name(request: httpx2.Request) -> str:
    return request.url.netloc.decode("ascii", "replace")


def _shown(request: httpx2.Request) -> str:
    """Return the address without user name, password and query, short enough for a message."""
    url = request.url
    path = url.raw_path.partition(b"?")[0].decode("ascii", "replace")  # url.path is unquoted
    return f"{url.scheme}://{_name(request)}{path}"[:200]
