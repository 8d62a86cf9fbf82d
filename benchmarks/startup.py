"""Measure the start-up time of `shiomi --help` and `import shiomi`, next to Python and click.

    python benchmarks/startup.py

Bars: `shiomi --help` at most 0.15 s, and `import shiomi` imports nothing heavy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

HEAVY = ("numpy", "torch", "httpx2", "jinja2", "msgspec", "rich", "sqlite3", "pyarrow", "click")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "import shiomi": [sys.executable, "-c", "import shiomi"],
    "shiomi --help": [sys.executable, "-m", "shiomi.cli", "--help"],
    "shiomi digest --help": [sys.executable, "-m", "shiomi.cli", "digest", "--help"],
}


def seconds(command: list[str]) -> float:
    """Return the wall seconds of one run of `command`."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def loaded(statement: str) -> list[str]:
    """Return the heavy modules in memory after `statement`."""
    code = f"import sys; {statement}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.split()


def main() -> None:
    """Print the table."""
    runs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(15):
        for name, command in COMMANDS.items():
            runs[name].append(seconds(command))
    base = statistics.median(runs["python -c pass"])
    print(f"{'command':<24}{'median s':>10}{'best s':>10}{'x bare Python':>16}")
    for name, times in runs.items():
        median = statistics.median(times)
        print(f"{name:<24}{median:>10.3f}{min(times):>10.3f}{median / base:>16.1f}")
    print(f"import shiomi loads: {', '.join(loaded('import shiomi')) or 'none of ' + str(HEAVY)}")
    print(f"import shiomi.cli loads: {', '.join(loaded('import shiomi.cli'))}")


if __name__ == "__main__":
    main()
