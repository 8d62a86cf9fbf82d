"""A trial: show step by step what a policy does to one request, before the policy is in use."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from shiomi.gate.addresses import parse_address, text_of
from shiomi.gate.cookie import Signer
from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.errors import GateError
from shiomi.gate.identity import Identity, Tables, identify
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.signals import own_files, own_headers
from shiomi.gate.state.memory import MemoryState

__all__ = ["BROWSER", "Trial", "trial", "user_agent_of"]

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36"
)

_BROWSER_HEADERS = (
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Accept-Language", "en"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-CH-UA", '"Chromium";v="142", "Google Chrome";v="142"'),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A request, its client, the steps to the verdict, and the verdict."""

    request: Request
    identity: Identity
    steps: tuple[tuple[str, str], ...]  # what was checked, and the result
    decision: Decision


def trial(
    url: str,
    policy: Policy,
    tables: Tables,
    now: float,
    *,
    user_agent: str = BROWSER,
    address: str = "192.0.2.1",
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    proven: bool | None = None,
    passed: bool = False,
) -> Trial:
    """Return what happens to a request for `url` if it is the first request that the gate gets.

    Parameters
    ----------
    proven
        Whether to assume that the client's claim is proven or disproven; None: check its address.
    passed
        Whether the client has passed the challenge before and sends the cookie.

    Raises
    ------
    GateError
        The URL is not a web address or path, or `address` is not an IP address.
    """
    scheme, host, target = _split(url)
    packed = parse_address(address)
    if packed is None:
        raise GateError(f"{address[:80]!r} is not an IPv4 or IPv6 address")
    sent = [("Host", host), ("User-Agent", user_agent), *headers]
    if user_agent == BROWSER:
        given = {name.lower() for name, _ in headers}
        sent += [one for one in _BROWSER_HEADERS if one[0].lower() not in given]
    state = MemoryState(clients=1000)
    request = Request.make(target, peer=text_of(packed), method=method, headers=sent, scheme=scheme)
    if passed:
        cookie = Signer(policy.cookie, state.secret).cookie(request, now)
        name = policy.cookie.name.encode()
        with_it = {**request.headers, b"cookie": name + b"=" + cookie.encode()}
        request = request._replace(headers=with_it)
    identity = identify(request, tables)
    if proven is not None:
        identity = identity._replace(verified=proven, by="this trial")
    steps = [("address", text_of(packed)), ("who", _who(identity)), ("path", _path(request))]
    prepared = PreparedPolicy(policy)
    decision = decide(
        request, prepared, state, now, identity=identity, note=lambda *step: steps.append(step)
    )
    file = own_files(policy).get(request.path)
    if file is not None and decision.response is None and method in ("GET", "HEAD"):
        steps.append(("own file", "made from the policy"))
        decision = decision._replace(verdict=Verdict.ANSWER, reason="file", response=file)
    elif decision.response is None:
        decision = decision._replace(headers=own_headers(policy))
    return Trial(request, identity, tuple(steps), decision)


def user_agent_of(name: str, tables: Tables) -> str:
    """Return a User-Agent for "browser" or for the name of a known client; else the text itself."""
    if name.lower() == "browser":
        return BROWSER
    known = {pattern.client.name.lower(): pattern.client for pattern in tables.agents.patterns}
    client = known.get(name.lower())
    if client is not None:
        spellings = (name, f"{client.name}/1.0", f"Mozilla/5.0 (compatible; {client.name}/1.0)")
        for spelling in spellings:
            if tables.agents.client(spelling).name == client.name:
                return spelling
    return name


def _split(url: str) -> tuple[str, str, str]:
    """Return the scheme, host and target of a URL or of a path."""
    if url.startswith("/"):
        return "http", "localhost", url
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise GateError(f"{url[:80]!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise GateError(f"must be an http or https URL, or a path, got {url[:80]!r}")
    return parts.scheme, parts.netloc, (parts.path or "/") + (f"?{parts.query}" * bool(parts.query))


def _who(identity: Identity) -> str:
    client = identity.client
    operator = f" of {client.operator}" if client.operator else ""
    truth = {True: "proven", False: "disproven", None: "not proven"}[identity.verified]
    weight = f", weight of inconsistent headers {identity.weight}" if identity.weight else ""
    return f"{client.name}{operator}: {client.purpose} ({truth}, by {identity.by}{weight})"


def _path(request: Request) -> str:
    if request.spelling == request.path:
        return request.path
    return f"{request.path}, spelled {request.spelling}"
