"""CPU time per request of the gate in an ASGI server, compared with rate limiters for ASGI.

    python -m benchmarks.gate.asgi [--rounds N] [--seconds S]

Each row runs one uvicorn with one worker (uvloop, httptools) and an application that answers 1 KB.
wrk is the client and sends User-Agents of real browsers. The figure is the worker's own CPU time
(/proc/PID/schedstat) divided by the number of answers, because throughput on a shared machine
varies. Rows take turns within every round. A cell is the median of the rounds. The number in
brackets is the median of the differences between the row and its base in the same round.

The gate has all its patterns, prefixes and buckets. In the rows "cookie", the browsers have passed
the challenge. In the rows "counted", the policy only counts browsers. In the rows "any agent", no
User-Agent occurs twice. Needs wrk and $SHIOMI_DATA/gate. fastapi-guard 8.1.2 has no row. It first
tries every given pattern in a separate process, and rejects our patterns if the machine is busy.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gate.load import asked, microseconds, wrk_script

from shiomi.gate.asgi import GateMiddleware
from shiomi.gate.cookie import Signer
from shiomi.gate.identity import load_tables
from shiomi.gate.policy import Action, Budget, Cookie, Policy, PurposeRule, Rate
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from tests.gate.servers import Server, python_server

_WORDS = b"x" * 1024
_KEY = "the benchmark's key"
_ENDLESS = Rate(1_000_000_000, 60.0, 1_000_000_000)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    factory: str
    base: str = ""  # the factory of the row that is subtracted
    load: str = "cookie"  # or "any"


ROWS = (
    Row("raw ASGI", "raw"),
    Row("  + gate, cookie", "gate_cookie", "raw"),
    Row("  + gate, counted", "gate_counted", "raw"),
    Row("  + gate, counted, any agent", "gate_counted", "raw", "any"),
    Row("Starlette", "starlette"),
    Row("  + gate, cookie", "starlette_gate", "starlette"),
    Row("  + a BaseHTTPMiddleware that does nothing", "starlette_noop", "starlette"),
    Row("  + slowapi, ASGI", "slowapi_asgi", "starlette"),
    Row("  + slowapi, BaseHTTPMiddleware", "slowapi_base", "starlette"),
)


def policy(action: Action) -> Policy:
    """Return the default policy with budgets that are never used up, for a load from one
    address."""
    given = Policy()
    browser = PurposeRule(action, action, "people")
    endless = Budget(_ENDLESS, _ENDLESS, _ENDLESS, None)
    return replace(
        given,
        purposes={**given.purposes, Purpose.BROWSER: browser},
        budgets=dict.fromkeys(given.budgets, endless),
        cookie=Cookie(keys=(_KEY,)),
    )


async def raw_app(scope: Any, receive: Any, send: Any) -> None:
    """The smallest possible application."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _WORDS})


def raw() -> Any:
    return raw_app


def gate_cookie() -> Any:
    return GateMiddleware(raw_app, policy(Action.CHALLENGE))


def gate_counted() -> Any:
    return GateMiddleware(raw_app, policy(Action.BUDGET))


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request as Asked
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def home(request: Asked) -> PlainTextResponse:  # noqa: ARG001 - its signature
        return PlainTextResponse(_WORDS)

    return Starlette(routes=[Route("/", home)])


def starlette_gate() -> Any:
    app = starlette()
    app.add_middleware(GateMiddleware, policy=policy(Action.CHALLENGE))
    return app


def starlette_noop() -> Any:
    from starlette.middleware.base import BaseHTTPMiddleware

    class Nothing(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            return await call_next(request)

    app = starlette()
    app.add_middleware(Nothing)
    return app


def _slowapi(middleware: str) -> Any:
    import slowapi
    import slowapi.middleware
    from slowapi.util import get_remote_address

    app = starlette()
    app.state.limiter = slowapi.Limiter(
        key_func=get_remote_address, default_limits=["1000000000/minute"]
    )
    app.add_middleware(getattr(slowapi.middleware, middleware))
    return app


def slowapi_asgi() -> Any:
    return _slowapi("SlowAPIASGIMiddleware")


def slowapi_base() -> Any:
    return _slowapi("SlowAPIMiddleware")


def cookies(agents: Sequence[str]) -> list[str]:
    """Return a valid Cookie header for each agent."""
    signer, now = Signer(Cookie(keys=(_KEY,)), b""), time.time()
    clients = [Request.make(peer="127.0.0.1", headers=[("User-Agent", one)]) for one in agents]
    return [f"shiomi-gate={signer.cookie(client, now)}" for client in clients]


def main() -> None:
    """Print the table."""
    arguments, agents = asked(__doc__)
    tables = load_tables()
    print(
        f"{len(tables.agents.patterns):,} patterns, {sum(tables.ranges.sizes.values()):,} prefixes"
    )
    taken: dict[Row, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        scripts = {
            "cookie": wrk_script(folder / "cookie.lua", agents, cookies=cookies(agents), page="/"),
            "any": wrk_script(folder / "any.lua", agents, page="/", fresh=True),
        }
        running: dict[str, Server] = {}
        for row in ROWS:
            if row.factory not in running:
                running[row.factory] = stack.enter_context(
                    python_server(
                        f"benchmarks.gate.asgi:{row.factory}",
                        folder,
                        options=(
                            "--factory",
                            "--no-access-log",
                            "--loop",
                            "uvloop",
                            "--http",
                            "httptools",
                        ),
                    )
                )
        for number in range(arguments.rounds + 1):
            for row in ROWS:
                script, seconds = scripts[row.load], arguments.seconds
                spent = microseconds(running[row.factory], script, seconds=seconds, page="/")
                if number:  # the first round warms up
                    taken.setdefault(row, []).append(spent)
    show(ROWS, taken)


def show(rows: Sequence[Row], taken: dict[Row, list[float]]) -> None:
    """Print the medians."""
    print(f"{'CPU us per request':46}{'median':>9}{'more':>9}{'least':>9}{'rounds':>8}")
    bases = {row.factory: taken[row] for row in rows if not row.base}
    for row in rows:
        spent = taken[row]
        more = ""
        if row.base:
            pairs = zip(bases[row.base], spent, strict=True)
            more = f"{median(after - before for before, after in pairs):+.1f}"
        print(f"{row.name:46}{median(spent):>9.1f}{more:>9}{min(spent):>9.1f}{len(spent):>8}")


if __name__ == "__main__":
    main()
