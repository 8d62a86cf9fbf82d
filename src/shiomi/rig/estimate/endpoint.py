"""Send HTTP requests to a model server for `measure`, with limits on every answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from shiomi.rig.errors import MeasureError
from shiomi.rig.estimate.measure import ServerAnswer
from shiomi.tls import tls_context

__all__ = ["HttpEndpoint", "new_client"]

_LONGEST_ANSWER = 4_000_000  # bytes


def new_client() -> httpx2.Client:
    """Return a client for `HttpEndpoint`."""
    return httpx2.Client(verify=tls_context())


class HttpEndpoint:
    """POSTs JSON to a server at `url`, such as http://127.0.0.1:8080.

    A `/v1` at the end of `url` is removed. An answer may take at most `seconds` in total. An answer
    that stalls, is too slow or too large raises MeasureError.
    """

    def __init__(
        self,
        url: str,
        client: httpx2.Client,
        *,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise MeasureError(f"url must be like http://127.0.0.1:8080, got {url[:100]!r}")
        self._url = url.rstrip("/").removesuffix("/v1")
        self._client = client
        self._seconds = seconds
        self._clock = clock

    def post(self, path: str, body: Mapping[str, Any]) -> ServerAnswer:
        """Send a JSON object; return the answer, also for an HTTP error (empty if not JSON)."""
        started = self._clock()
        timeout = httpx2.Timeout(self._seconds, connect=10.0)
        try:
            with self._client.stream(
                "POST", self._url + path, json=dict(body), timeout=timeout
            ) as response:
                content = self._read(response, started)
                status = response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise MeasureError(
                f"{self._url}{path} gives no answer ({type(error).__name__}); is the server "
                "running at this address?"
            ) from error
        seconds = self._clock() - started
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = {}
        return ServerAnswer(status, answer if isinstance(answer, dict) else {}, seconds)

    def _read(self, response: httpx2.Response, started: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > _LONGEST_ANSWER:
                raise MeasureError(f"{self._url} answers with more than {_LONGEST_ANSWER} bytes")
            if self._clock() - started > self._seconds:
                raise MeasureError(f"{self._url} took more than {self._seconds:g} s to answer")
        return b"".join(parts)
