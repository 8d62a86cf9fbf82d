"""`shiomi gate report` on a long log: seconds and memory, compared with wc and GoAccess.

    python benchmarks/gate/report.py [LINES]          default 1,000,000

The log is made: 5,000 clients, agents of the shipped list and browsers, times in order. GoAccess
(Debian's package) gives statistics and no verdicts; if it is not installed, its row is left out.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from shiomi.gate.identity.user_agents import user_agents

BROWSERS = [
    f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
    for version in range(100, 145)
]
BEGIN = datetime(2026, 11, 1)  # noqa: DTZ001 - the log's own local time
PATHS = ["/", "/feed.xml", "/style.css", *(f"/articles/{n}?page={n % 7}" for n in range(500))]


def write_log(path: Path, lines: int) -> None:
    """Write a combined log of an hour per 20,000 lines."""
    draw = random.Random(1)
    bots = sorted({p.client.name for p in user_agents(None).patterns if p.client.name.isascii()})
    agents = [*BROWSERS, *(f"{name}/1.0 (+https://example.org/bot)" for name in bots)]
    clients = [
        (".".join(str(draw.randrange(1, 250)) for _ in range(4)), draw.choice(agents))
        for _ in range(5_000)
    ]
    with path.open("w", encoding="utf-8") as out:
        for number in range(lines):
            address, agent = draw.choice(clients)
            moment = BEGIN + timedelta(hours=number / 20_000)
            when = f"{moment:%d/%b/%Y:%H:%M:%S} +0900"
            out.write(
                f'{address} - - [{when}] "GET {draw.choice(PATHS)} HTTP/1.1" 200 '
                f'{draw.randrange(50_000)} "-" "{agent}"\n'
            )


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of a command."""
    timed = [sys.executable, "-c", _TIMER, *command]
    begin = time.perf_counter()
    told = subprocess.run(timed, check=True, capture_output=True, text=True).stderr.split()
    return time.perf_counter() - begin, float(told[-2]), float(told[-1]) / 1024


_TIMER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""


def main(lines: int) -> None:
    """Print one row per program."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        write_log(log, lines)
        print(f"{lines:,} lines, {log.stat().st_size / 1e6:.0f} MB")
        print(f"{'':<28}{'wall s':>8}{'cpu s':>8}{'µs/line':>9}{'peak MB':>9}")
        rows = {"wc -l": ["wc", "-l", str(log)]}
        shiomi = [sys.executable, "-m", "shiomi.cli", "gate", "report", str(log)]
        rows["shiomi gate report"] = shiomi
        rows["the same, --html"] = [*shiomi, "--html", f"{folder}/report.html"]
        if goaccess := shutil.which("goaccess"):
            rows["goaccess"] = [
                *(goaccess, str(log), "--log-format=COMBINED", "--no-global-config"),
                *("-o", f"{folder}/goaccess.html"),
            ]
        for name, command in rows.items():
            wall, cpu, peak = measured(command)
            print(f"{name:<28}{wall:>8.1f}{cpu:>8.1f}{cpu / lines * 1e6:>9.1f}{peak:>9.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
