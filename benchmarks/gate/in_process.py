"""CPU time that the ASGI middleware adds to a null application, without a server.

    python -m benchmarks.gate.in_process

In each round, 500 browsers with their cookies send one request each, for 40 different pages of 1
KB. Each row of the table is the minimum of 120 rounds with the gate minus the minimum without the
gate.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from shiomi.gate.asgi import Application, GateMiddleware
from shiomi.gate.cookie import Signer
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.state import State
from shiomi.gate.state.file import FileState
from shiomi.gate.state.memory import MemoryState

BROWSERS, ROUNDS = 500, 120
BODY = b"<!DOCTYPE html><html><body>" + b"x" * 900 + b"</body></html>"
HEADERS = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(BODY))]


async def site(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """The application: one page, in one piece."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def receive() -> dict[str, Any]:
    """A request without a body."""
    return {"type": "http.request", "body": b""}


async def send(_message: Any) -> None:
    """Discard the message."""


def scopes(state: State) -> list[dict[str, Any]]:
    """Return one request of each browser, each from a different network."""
    made = []
    for number in range(BROWSERS):
        chrome = f"Chrome/{100 + number % 50}.0.0.{number}"
        agent = f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 {chrome} Safari/537.36"
        peer = f"{1 + number % 200}.{number // 200}.{number % 250}.9"
        client = Request.make("/", peer=peer, headers=[("User-Agent", agent)])
        cookie = Signer(Policy().cookie, state.secret).cookie(client, time.time())
        headers = [
            (b"host", b"example.org"),
            (b"user-agent", agent.encode()),
            (b"accept", b"text/html,*/*;q=0.8"),
            (b"accept-encoding", b"gzip"),
            (b"accept-language", b"en-US,en;q=0.5"),
            (b"cookie", b"shiomi-gate=" + cookie.encode()),
            (b"sec-fetch-dest", b"document"),
            (b"sec-fetch-mode", b"navigate"),
        ]
        path = f"/page/{number % 40}"
        made.append(
            {"type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": b"",
             "raw_path": path.encode(), "headers": headers, "client": (peer, 1)}
        )  # fmt: skip
    return made


def added(state: State, *, links: bool) -> float:
    """Return the microseconds that the gate adds to a request."""
    gate = GateMiddleware(site, state=state, trap_links=links, dns=False)
    requests = scopes(state)

    async def ask(application: Application) -> None:
        for scope in requests:
            await application(scope, receive, send)

    loop = asyncio.new_event_loop()
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, application in (("gate", gate), ("site", site)):
            begun = time.process_time()
            loop.run_until_complete(ask(application))
            spent = time.process_time() - begun
            least[name] = min(spent, least.get(name, spent))
    loop.close()
    return (least["gate"] - least["site"]) / BROWSERS * 1e6


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        states: dict[str, State] = {"MemoryState": MemoryState()}
        states["FileState"] = FileState(Path(folder) / "s")
        for name, state in states.items():
            for links in (True, False):
                what = "with the trap's link" if links else "without"
                print(f"{name:12} {what:22} {added(state, links=links):6.2f} us")


if __name__ == "__main__":
    main()
