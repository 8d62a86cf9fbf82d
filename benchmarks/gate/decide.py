"""CPU time of one verdict and of its parts, in this process, compared with a bare token bucket.

    python -m benchmarks.gate.decide

Each row is the least of 300 runs of 100 calls, in microseconds of CPU time, for one client that
comes again and, where it says so, for 500 clients in turn: memory that is not at hand costs as much
as the computing. The anchor is what a rate limit of one bucket takes with `limits`, if installed.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from shiomi.gate.cookie import Signer
from shiomi.gate.decision import Decision, PreparedPolicy, decide
from shiomi.gate.identity import identify, load_tables
from shiomi.gate.policy import Budget, Policy, Rate
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.trial import BROWSER

NOW = 1_790_000_000.0
ENDLESS = Rate(1_000_000_000, 1.0, 1_000_000_000)


def main() -> None:
    """Print the table."""
    given = Policy()
    endless = Budget(ENDLESS, ENDLESS, ENDLESS)
    policy = replace(given, budgets=MappingProxyType(dict.fromkeys(given.budgets, endless)))
    prepared, state, tables = PreparedPolicy(policy), MemoryState(), load_tables()
    signer = Signer(policy.cookie, state.secret)
    scopes = []
    for number in range(500):
        scope = _scope(number)
        cookie = signer.cookie(Request.from_asgi(scope), NOW)
        scope["headers"].append((b"cookie", f"a=b; shiomi-gate={cookie}".encode()))
        scopes.append(scope)
    requests = [Request.from_asgi(scope) for scope in scopes]
    whom = [identify(request, tables, weigh=False) for request in requests]
    denied = Request.make("/page", peer="192.0.2.7", headers=[("User-Agent", "GPTBot/1.2")])
    stranger = Request.make("/page", peer="192.0.2.7", headers=[("User-Agent", BROWSER)])

    def judged(number: int) -> Decision:
        return decide(requests[number], prepared, state, NOW, identity=whom[number])

    rows: list[tuple[str, Callable[[], object], int]] = [
        ("request from an ASGI scope", lambda: Request.from_asgi(scopes[0]), 1),
        ("who it is", lambda: identify(requests[0], tables, weigh=False), 1),
        ("verdict: cookie, three buckets", lambda: judged(0), 1),
        ("  500 clients in turn", lambda: [judged(number) for number in range(500)], 500),
        ("verdict: denied by name", lambda: decide(denied, prepared, state, NOW), 1),
        ("verdict: challenged", lambda: decide(stranger, prepared, state, NOW), 1),
    ]
    if (hit := _limits()) is not None:
        rows.append(("limits, memory, one bucket", hit, 1))
    for name, call, calls in rows:
        call()
        loops = max(1, 100 // calls)
        runs = timeit.repeat(call, number=loops, repeat=300, timer=time.thread_time)
        print(f"{name:34}{min(runs) / loops / calls * 1e6:8.2f} us")


def _scope(number: int) -> dict[str, Any]:
    names = "accept accept-encoding accept-language referer sec-fetch-mode sec-fetch-site dnt te"
    headers = [
        (b"host", b"example.org"),
        (b"user-agent", BROWSER.replace("142", str(100 + number)).encode()),
        *((name.encode(), b"value") for name in names.split()),
    ]
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": f"/page/{number}",
        "raw_path": b"/page/%d" % number,
        "query_string": b"",
        "client": [f"10.{number >> 8}.{number & 255}.7", 4711],
        "headers": headers,
    }


def _limits() -> Callable[[], object] | None:
    try:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter
    except ImportError:
        return None
    limiter = FixedWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerMinute(1_000_000_000)
    return lambda: limiter.hit(item, "192.0.2.7")


if __name__ == "__main__":
    main()
