"""CPU time per request of the gate in an ASGI server, compared with rate limiters for ASGI.

    python -m benchmarks.gate.asgi [--rounds N] [--seconds S]

Each row runs one uvicorn with one worker (uvloop, httptools) and an application that answers 1 KB.
wrk is the client and sends User-Agents of real browsers. The figure is the worker's own CPU time
(/proc/PID/schedstat) divided by the number of answers, because throughput on a shared machine
varies. Rows take turns within every round. A cell is the median of the rounds. The number in
brackets is the median of the differences to the row's base in the same round.

The gate has all its patterns, prefixes and buckets. "Cookie": browsers that passed the challenge.
"Counted": a policy that only counts browsers. "Any agent": no User-Agent comes twice. Needs wrk and
$SHIOMI_DATA/gate. fastapi-guard 8.1.2 has no row: it first tries every given pattern in a separate
process, and rejects ours if the machine is busy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gate.load import asked, microseconds

from shiomi.gate.asgi import GateMiddleware
from shiomi.gate.cookie import Signer
from shiomi.gate.identity import load_tables
from shiomi.gate.policy import Action, Budget, Cookie, Policy, PurposeRule, Rate
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request
from tests.gate.servers import ROOT, Server, server
from tests.loopback import free_port

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


def wrk_script(folder: Path, load: str, agents: Sequence[str], *, page: str = "/") -> Path:
    """Return a script for wrk: the agents in turn with their cookies, or never the same agent
    twice."""
    signer = Signer(Cookie(keys=(_KEY,)), b"")
    lines = []
    for agent in agents:
        asked = Request.make(peer="127.0.0.1", headers=[("User-Agent", agent)])
        cookie = f"shiomi-gate={signer.cookie(asked, time.time())}"
        lines.append(f"{{{json.dumps(agent, ensure_ascii=False)}, {json.dumps(cookie)}}}")
    headers = (
        '["Host"]="localhost", ["Accept"]="text/html", ["Accept-Language"]="ja,en;q=0.5", '
        '["Accept-Encoding"]="gzip, deflate"'
    )
    made = f'wrk.format("GET", "{page}", {{["User-Agent"]=a[1], ["Cookie"]=a[2], {headers}}})'
    fresh = f'wrk.format("GET", "{page}", {{["User-Agent"]=agents[i][1] .. " x/" .. n, {headers}}})'
    path = folder / f"{load}.lua"
    path.write_text(
        f"local agents = {{{','.join(lines)}}}\nlocal requests, i, n = {{}}, 0, os.time() * 1000\n"
        f"init = function() for k, a in ipairs(agents) do requests[k] = {made} end end\n"
        + (
            f"request = function() i = i % #agents + 1; n = n + 1; return {fresh} end\n"
            if load == "any"
            else "request = function() i = i % #requests + 1; return requests[i] end\n"
        ),
        encoding="utf-8",
    )
    return path


def start_seconds() -> tuple[float, float]:
    """Return the CPU seconds to import the gate and to create it, less an import of asyncio
    alone."""
    code = (
        "import time; import asyncio, logging, concurrent.futures.thread\n"
        "begun = time.process_time()\n"
        "from shiomi.gate.asgi import GateMiddleware\n"
        "imported = time.process_time()\n"
        "GateMiddleware(None)\n"
        "print(imported - begun, time.process_time() - imported)"
    )
    runs = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        imported, made = map(float, done.stdout.split())
        runs.append((imported, made))
    return median(run[0] for run in runs), median(run[1] for run in runs)


def main() -> None:
    """Print the table."""
    arguments, agents = asked(__doc__)
    tables = load_tables()
    print(
        f"{len(tables.agents.patterns):,} patterns, {sum(tables.ranges.sizes.values()):,} prefixes"
    )
    imported, made = start_seconds()
    print(f"start: {imported:.2f} s of CPU to import, {made:.2f} s to make; bar 0.3 s together")
    taken: dict[Row, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        scripts = {load: wrk_script(folder, load, agents) for load in ("cookie", "any")}
        running: dict[str, Server] = {}
        for row in ROWS:
            if row.factory not in running:
                started = served(row, folder)
                running[row.factory] = stack.enter_context(started)
        for number in range(arguments.rounds + 1):
            for row in ROWS:
                spent = microseconds(
                    running[row.factory],
                    scripts[row.load],
                    seconds=arguments.seconds,
                    page="/",
                )
                if number:  # the first round warms up
                    taken.setdefault(row, []).append(spent)
    show(ROWS, taken)


def served(row: Row, folder: Path) -> Any:
    """Return the row's server, not yet started."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", f"benchmarks.gate.asgi:{row.factory}", "--factory"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
        *("--no-access-log", "--loop", "uvloop", "--http", "httptools"),
    ]
    path = os.pathsep.join([str(folder), str(ROOT / "src"), str(ROOT)])
    return server(
        command,
        port=port,
        log=folder / f"{row.factory}.log",
        cwd=folder,
        environment={"PYTHONPATH": path},
    )


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
