"""Measure the state: memory for a million clients and time to take a token.

    python -m benchmarks.gate.state

Times are CPU time of this process divided by the number of calls of `take`, so that other work on
the machine has little effect. Three alternatives are measured for comparison: `limits`, which
slowapi and Flask-Limiter use for their budgets; a plain dict; and SQLite in WAL mode, in place of
the file that workers share. The row of the Redis server needs redis-server.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shiomi.gate.state import Charge, State
from shiomi.gate.state.file import FileState
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.state.valkey import ValkeyState
from tests.gate.servers import ROOT, redis_server

CLIENTS = 1_000_000
NOW = 1_790_000_000.0
_Take = Callable[[int], object]


def main() -> None:
    """Print the tables."""
    print(f"{'memory of 1,000,000 clients':34}{'MB':>8}{'remembered':>13}")
    for name in ("MemoryState", "dict of floats", "limits, MemoryStorage"):
        done = subprocess.run(
            [sys.executable, "-c", f"from {__spec__.name} import memory; memory({name!r})"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )
        megabytes, remembered = done.stdout.split()
        print(f"{name:34}{megabytes:>8}{remembered:>13}")
    with tempfile.TemporaryDirectory() as temporary:
        times(Path(temporary))


def memory(name: str) -> None:
    """Print the memory in MB of a million clients with one budget each, and how many are still
    stored."""
    draw = random.Random(1)
    keys = [draw.getrandbits(63) - (1 << 62) or 1 for _ in range(CLIENTS)]
    held = _resident()
    if name == "MemoryState":
        state = MemoryState()
        for key in keys:
            state.take(((key, 60.0, 0.0),), NOW)
        grown = _resident() - held
        remembered = sum(state.take(((key, 60.0, 0.0),), NOW) > 0 for key in reversed(keys))
    elif name == "dict of floats":
        kept = {str(key): NOW + 60.0 + number for number, key in enumerate(keys)}
        grown, remembered = _resident() - held, len(kept)
    else:
        hit = _limits()
        for key in keys:
            hit(key)
        grown, remembered = _resident() - held, CLIENTS
    print(f"{grown / 1e6:.1f} {remembered:,}")


def times(folder: Path) -> None:
    """Print the microseconds of one `take`, for 1,000 clients in turn and for new clients only."""
    print(f"\n{'CPU us per take':34}{'1,000 in turn':>14}{'always new':>12}")
    memory_state = MemoryState()
    file_state = FileState(folder / "gate.state")
    rows: list[tuple[str, _Take, int]] = [
        ("MemoryState", _taken(memory_state), 200_000),
        ("  address, /24, network together", _taken(memory_state, 3), 100_000),
        ("limits, MemoryStorage", _limits(), 50_000),
        ("FileState", _taken(file_state), 100_000),
        ("  address, /24, network together", _taken(file_state, 3), 50_000),
        ("SQLite, WAL, upsert", _sqlite(folder / "gate.sqlite"), 20_000),
    ]
    for name, take, count in rows:
        print(f"{name:34}{_timed(take, count, 1000):>14.2f}{_timed(take, count, count):>12.2f}")
    file_state.close()
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        return
    with redis_server(folder) as running:
        state = ValkeyState(f"redis://127.0.0.1:{running.port}/0", timeout=5.0)
        take = _taken(state)
        print(f"{'ValkeyState, the client alone':34}{_timed(take, 3000, 1000):>14.2f}", end="")
        print(f"{_timed(take, 3000, 3000):>12.2f}")
        state.close()


def _taken(state: State, levels: int = 1) -> _Take:
    clock = [NOW]

    def take(key: int) -> float:
        clock[0] += 0.0005
        charges: list[Charge] = [(key + level, 0.1, 5.0) for level in range(levels)]
        return state.take(charges, clock[0])

    return take


def _limits() -> _Take:
    from limits import RateLimitItemPerMinute
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter

    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(600)
    return lambda key: limiter.hit(item, str(key))


def _sqlite(path: Path) -> _Take:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE bucket (key INTEGER PRIMARY KEY, time REAL) WITHOUT ROWID")
    clock = [NOW]

    def take(key: int) -> object:
        clock[0] += 0.0005
        return database.execute(
            "INSERT INTO bucket VALUES (?, ?) ON CONFLICT (key) DO UPDATE"
            " SET time = max(time, excluded.time) + 0.1",
            (key, clock[0]),
        )

    return take


def _timed(take: _Take, count: int, clients: int) -> float:
    draw = random.Random(clients)
    keys = [draw.getrandbits(62) + 1 for _ in range(clients)]
    turns = count // clients
    best = float("inf")
    for _ in range(3 if clients < count else 1):
        begun = time.process_time()
        for _ in range(turns):
            for key in keys:
                take(key)
        best = min(best, (time.process_time() - begun) / (turns * clients))
    return best * 1e6


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    main()
