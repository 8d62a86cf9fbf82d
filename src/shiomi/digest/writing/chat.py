"""A client of OpenAI-compatible chat completions: Ollama, llama.cpp, vLLM, hosted services.

The client sends POST {endpoint}/chat/completions. It asks for a stream, so that it can show
progress, and also accepts a whole answer. The size of an answer and the time for all of it are
limited. So a server that sends nothing, too slowly or too much cannot use more than the time for
one answer. If a server refuses a schema or a parameter, the client does not send it again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from shiomi.digest.config import WriterConfig, secret
from shiomi.digest.errors import WriterError
from shiomi.digest.sources.watchdog import Watchdog

__all__ = ["Account", "ChatClient", "ChatError", "Completion", "Usage", "server_message"]

LONGEST_ANSWER = 4_000_000  # bytes of an HTTP answer; a token of a stream takes about 250
MOST_TOKENS = 1_200  # limit sent with a request; ten Japanese sentences need about 700
LARGER = 3  # if an answer was cut at the token limit, the next limit is three times as high
LONGEST_LOADING = 300.0  # longest time in seconds in which a server may load its model
ATTEMPTS = 4  # requests for one completion; a request with a refused parameter is not counted
LOADING_PAUSE = 2.0  # seconds between requests while a model loads
BACKOFF = 0.5  # seconds before the second attempt, doubled for each further one
LONGEST_WAIT = 20.0  # longest wait in seconds, also if Retry-After asks for more

_LATER = (408, 429)  # statuses that ask to send the same request later

_CONTEXT = re.compile(
    r"context|too (?:long|large|many tokens)|maximum.{0,20}(?:length|tokens)|exceed", re.IGNORECASE
)
_FORMAT = re.compile(
    r"response_format|json_schema|json_object|schema|grammar|format", re.IGNORECASE
)


class ChatError(WriterError):
    """A failed completion. `fault` is a key of the language files, such as "timeout"."""

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault = fault


# Switch thinking off; in order: for OpenAI and Ollama's /v1, llama.cpp and vLLM, Ollama's own API.
_NO_THINKING: dict[str, Any] = {
    "reasoning_effort": "none",
    "chat_template_kwargs": {"enable_thinking": False},
    "think": False,
}


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer of the model, before any check."""

    text: str
    whole: bool  # False: the answer was cut at the token limit
    confidence: float | None = None  # mean log probability of its tokens, if requested


@dataclass(slots=True)
class Usage:
    """The cost of requests. Tokens are counted by the server; 0 if it does not state them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, other: Usage) -> None:
        """Add the costs of `other`."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.seconds += other.seconds


@dataclass(slots=True)
class Account:
    """The cost and the result of writing a digest."""

    topics: dict[str, Usage] = field(default_factory=dict)  # by story id
    kept: int = 0  # sentences of the model that their evidence supports
    dropped: int = 0

    @property
    def total(self) -> Usage:
        """Return the costs of all topics together."""
        found = Usage()
        for usage in self.topics.values():
            found.add(usage)
        return found


class ChatClient:
    """A client of one endpoint and one model. Not thread-safe."""

    def __init__(
        self,
        config: WriterConfig,
        *,
        client: httpx2.Client,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`tell` is called for each token of an answer, with the number of tokens so far."""
        self._config, self._tell = config, tell
        self._key = secret("writer.api_key", config.api_key)
        self._client, self._clock, self._sleep = client, clock, sleep
        self._watchdog = Watchdog()
        # what to send; a parameter that the server refuses is dropped
        self._formats = ["json_schema", "json_object", ""]
        self._limit = "max_tokens"
        self._most = MOST_TOKENS
        self._temperature = self._stream = self._logprobs = True
        self._no_thinking = dict(_NO_THINKING)
        self.thinks = False  # whether an answer contained reasoning
        self.schema_kept = True  # whether the server has accepted a JSON schema so far

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None,
        usage: Usage,
        *,
        deadline: float,
        most: int = 0,
    ) -> Completion:
        """Return the model's answer to `messages`. Its cost is added to `usage`, also if it fails.

        Without a `schema` the answer is plain text of at most `most` tokens, with log
        probabilities. `deadline` is a time of the clock that was passed in. Raises ChatError.
        """
        attempt, learnt = 0, 0
        loading_until = self._clock() + LONGEST_LOADING
        while True:
            left = deadline - self._clock()
            if left <= 0:
                raise ChatError("budget", "the time for the whole digest is used up")
            started = self._clock()
            usage.requests += 1
            try:
                seconds = min(left, self._config.timeout_seconds)
                return self._once(self._body(messages, schema, most), usage, seconds)
            except _RefusedError as refused:
                learnt += 1
                if learnt > 10:
                    raise ChatError("refused", str(refused)) from None
            except _LoadingError as loading:
                if self._clock() >= min(loading_until, deadline):
                    raise ChatError("loading", str(loading)) from None
                self._sleep(LOADING_PAUSE)
            except _PassingError as passing:
                attempt += 1
                if attempt >= passing.attempts:
                    raise ChatError(passing.fault, str(passing)) from None
                if passing.format_suspected:
                    self._step_down()
                wait = min(passing.wait or BACKOFF * 2 ** (attempt - 1), LONGEST_WAIT)
                self._sleep(max(min(wait, deadline - self._clock()), 0.0))
            finally:
                usage.seconds += self._clock() - started

    def _once(self, body: Mapping[str, Any], usage: Usage, seconds: float) -> Completion:
        request = self._client.build_request(
            "POST",
            f"{self._config.endpoint.rstrip('/')}/chat/completions",
            json=body,
            headers=self._headers(),
            timeout=httpx2.Timeout(seconds, connect=min(seconds, 10.0)),
        )
        ends = self._clock() + seconds
        try:
            with self._watchdog.watch(request, seconds):
                response = self._client.send(request, stream=True, follow_redirects=False)
                try:
                    content = b"".join(self._bounded(response, ends))
                finally:
                    response.close()
        except httpx2.ConnectError as error:
            raise _PassingError("unreachable", f"no connection: {error}", attempts=2) from None
        except httpx2.TimeoutException:
            # if a model was too slow once, it will be too slow again
            raise _PassingError("timeout", f"no answer in {seconds:.0f} s", attempts=1) from None
        except httpx2.HTTPError as error:
            if self._watchdog.bit:
                text = f"no whole answer in {seconds:.0f} s"
                raise _PassingError("timeout", text, attempts=1) from None
            raise _PassingError("cut", f"the answer broke off: {error}") from None
        if self._watchdog.bit:  # a stream that was cut can look complete
            raise _PassingError("timeout", f"no whole answer in {seconds:.0f} s", attempts=1)
        if response.status_code != 200:
            self._refused(response, content)
        return self._read(content, usage, "logprobs" in body)

    def _bounded(self, response: httpx2.Response, ends: float) -> Iterator[bytes]:
        """Return the body, read within the limits of size and time."""
        size = events = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if found := chunk.count(b"data: {"):
                events += found
                self._tell(events)
            if size > LONGEST_ANSWER:
                raise ChatError("too_long", f"the answer is longer than {LONGEST_ANSWER:,} bytes")
            if self._clock() > ends:
                raise ChatError("timeout", "the answer did not end in time")
            yield chunk

    def _headers(self) -> dict[str, str]:
        key = self._key
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _body(
        self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None, most: int
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._config.model,
            "messages": list(messages),
            "stream": self._stream,
            self._limit: self._most if schema is not None else most,
            **self._no_thinking,
        }
        if self._stream:
            body["stream_options"] = {"include_usage": True}
        if self._temperature:
            body["temperature"] = 0.2 if schema is not None else 0.0
        if schema is None:
            body |= {"logprobs": True} if self._logprobs else {}
        elif self._formats[0] == "json_schema":
            named = {"name": "sentences", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self._formats[0] == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _step_down(self) -> bool:
        """Ask for a less strict format from now on. Return False if there is no such format."""
        self.schema_kept = False
        if len(self._formats) > 1:
            self._formats.pop(0)
            return True
        return False

    def _refused(self, response: httpx2.Response, content: bytes) -> None:
        """Raise the error for a status other than 200; remember refused parameters."""
        status = response.status_code
        said = server_message(content)
        if status == 503 and "loading" in said.lower():
            raise _LoadingError(f"status {status}: {said}")
        if status in _LATER or status >= 500:
            wait = _retry_after(response.headers.get("retry-after"))
            text = f"status {status}: {said}"
            raise _PassingError("server", text, wait=wait, format_suspected=status not in _LATER)
        if status in (401, 403):
            raise ChatError("key", f"status {status}: {said}")
        if status == 404:
            raise ChatError("no_model", f"status {status}: {said}")
        if status in (400, 413, 415, 422):
            self._learn(said)
            if (status == 413 or _CONTEXT.search(said)) and not _FORMAT.search(said):
                raise ChatError("context", f"status {status}: {said}")
            if self._no_thinking and not _FORMAT.search(said):
                self._no_thinking.clear()
                raise _RefusedError(said)
            if self._step_down():
                raise _RefusedError(said)
        raise ChatError("refused", f"status {status}: {said}")

    def _learn(self, said: str) -> None:
        """Stop sending the parameter that the server's message names, and raise _RefusedError.

        If the message names no parameter, return without an error.
        """
        for name in self._no_thinking:
            if re.search(
                rf"\b(?:{name}|enable_thinking)\b" if "_kw" in name else rf"\b{name}\b", said
            ):
                del self._no_thinking[name]
                raise _RefusedError(name)
        if "max_tokens" in said and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
            raise _RefusedError("max_tokens")
        if self._logprobs and "logprobs" in said:
            self._logprobs = False
            raise _RefusedError("logprobs")
        if self._stream and re.search(r"\bstream", said):
            self._stream = False
            raise _RefusedError("stream")
        if "temperature" in said and self._temperature:
            self._temperature = False
            raise _RefusedError("temperature")

    def _read(self, content: bytes, usage: Usage, plain: bool) -> Completion:
        try:
            if content.lstrip().startswith((b"data:", b":", b"event:")):
                answer = _joined(content)
            else:
                answer = msgspec.json.decode(content, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _PassingError("not_json", "the answer is not JSON of a completion", attempts=2) \
                from None  # fmt: skip
        if answer.error is not None:
            raise _error_in_answer(answer.error, content)
        if answer.usage is not None:
            usage.prompt_tokens += max(answer.usage.prompt_tokens or 0, 0)
            usage.completion_tokens += max(answer.usage.completion_tokens or 0, 0)
        if not answer.choices:
            raise _PassingError("shape", "the answer has no text", attempts=2)
        choice = answer.choices[0]
        text, thoughts = choice.message.content or "", choice.message.thoughts
        self.thinks = self.thinks or bool(thoughts) or "</think>" in text
        if choice.finish_reason == "length" and self._most == MOST_TOKENS and not plain:
            self._most = MOST_TOKENS * LARGER
            raise _RefusedError("the answer was cut at the limit of tokens")
        if not text.strip():
            if thoughts or choice.finish_reason == "length":
                raise ChatError("thinking", f"{len(thoughts)} characters of thoughts, no answer")
            raise _PassingError("shape", "the answer has no text", attempts=2)
        rows = choice.logprobs.content or [] if choice.logprobs else []
        sure = [row.logprob for row in rows]
        mean = sum(sure) / len(sure) if sure else None
        return Completion(text, choice.finish_reason != "length", mean)


def server_message(content: bytes) -> str:
    """Return the message of a server's error as one line of at most 300 characters."""
    said = content[:2_000].decode("utf-8", "replace")
    try:
        found = msgspec.json.decode(said)
    except (msgspec.MsgspecError, RecursionError):
        found = None
    if isinstance(found, dict):
        error = found.get("error", found.get("detail", found.get("message")))
        if isinstance(error, dict):
            parts = (error.get("message"), error.get("type"), error.get("param"))
            error = " ".join(str(part) for part in parts if part)
        said = str(error) if error else said
    return " ".join(said.split())[:300] or "no message"


class _RefusedError(Exception):
    """The server refused a part of the request. The part is not sent again."""


class _LoadingError(Exception):
    """The server is loading its model. The same request is sent again later."""


class _PassingError(Exception):
    """A failure that may be temporary. The request is sent up to `attempts` times in all."""

    def __init__(
        self,
        fault: str,
        text: str,
        *,
        attempts: int = ATTEMPTS,
        wait: float | None = None,
        format_suspected: bool = False,
    ) -> None:
        """`format_suspected`: the server may have failed because of the requested format."""
        super().__init__(text)
        self.fault, self.attempts, self.wait = fault, attempts, wait
        self.format_suspected = format_suspected


def _error_in_answer(error: Any, content: bytes) -> _PassingError:
    """Return the exception for an error that the server sent with status 200."""
    code = error.get("code") if isinstance(error, dict) else None
    return _PassingError("server", server_message(content), format_suspected=code not in _LATER)


class _Message(msgspec.Struct):
    """The message of a whole answer, or of one piece of a stream."""

    content: str | None = None
    reasoning_content: str | None = None  # llama.cpp, vLLM
    reasoning: str | None = None  # Ollama, OpenRouter
    thinking: str | None = None

    @property
    def thoughts(self) -> str:
        return self.reasoning_content or self.reasoning or self.thinking or ""


class _Token(msgspec.Struct):
    logprob: float


class _LogProbs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    delta: _Message = msgspec.field(default_factory=_Message)  # set in a piece of a stream
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


def _joined(content: bytes) -> _Answer:
    """Return the whole answer, put together from the pieces of a stream of events.

    Raises _PassingError if the stream ends early or contains an error.
    """
    whole = _Choice()
    found = _Answer([whole])
    text, thoughts, tokens = [], [], []
    for line in content.splitlines():
        if not line.startswith(b"data:") or b"[DONE]" in line[:14]:
            continue
        data = line.removeprefix(b"data:")
        piece = msgspec.json.decode(data, type=_Answer)
        if piece.error is not None:
            raise _error_in_answer(piece.error, data)
        found.usage = piece.usage or found.usage
        for choice in piece.choices[:1]:
            text.append(choice.delta.content or "")
            thoughts.append(choice.delta.thoughts)
            tokens += (choice.logprobs.content or []) if choice.logprobs else []
            whole.finish_reason = choice.finish_reason or whole.finish_reason
    if whole.finish_reason is None:
        raise _PassingError("cut", "the answer broke off: its stream has no end")
    whole.message = _Message("".join(text), "".join(thoughts))
    whole.logprobs = _LogProbs(tokens)
    return found


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, or None if it has a date."""
    return float(value) if value and re.fullmatch(r"\d{1,6}", value.strip()) else None
