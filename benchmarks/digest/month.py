"""Run `shiomi run` for four weeks of a simulated 2026, and kill it forty times.

    python benchmarks/digest/month.py [--days 28] [--kills 40]

The communities are simulated, and the same weeks are also run without kills. Traffic goes only to
loopback. Prints the figures of docs/digest/results.md; the exit status is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.service.month import Life, live_through
from tests.service.twin import twin

_COLLECT = "17 */6 * * *"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--kills", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, twin() as communities:
        whole = live_through(communities, Path(folder) / "whole", options.days, _COLLECT)
        show("undisturbed", whole)
        killed = live_through(
            communities, Path(folder) / "killed", options.days, _COLLECT, kills=options.kills
        )
        show(f"killed {killed.kills} times", killed)
    for thread in sorted(set(killed.threads) ^ set(whole.threads), key=str)[:10]:
        print(f"differs: {thread}, {'killed' if thread in killed.threads else 'whole'}")
    print(f"never readable, posted and deleted while a community refused: {sorted(killed.lost)}")
    least = whole.requests - whole.repeated
    bars = {
        "no thread lost or added by the kills": killed.threads == whole.threads,
        "digests the same bytes": killed.pages == whole.pages,
        "one digest a week": len(killed.digests)
        == len({d.week for d in killed.digests})
        == (options.days + 4) // 7,
        "limits kept": not killed.exceeded and not whole.exceeded,
        "requests <= 1.2 x least": killed.requests <= 1.2 * least,
        "nothing told twice": max(killed.told.values()) == 1,
        "memory <= 250 MB": max(killed.memory + whole.memory) <= 250_000,
        "memory flat": whole.memory[-1] <= 1.15 * whole.memory[len(whole.memory) // 4],
    }
    print(f"requests: {killed.requests:,} killed, {whole.requests:,} whole, {least:,} least")
    print(f"not told because a kill met the sending: {killed.interrupted or 'none'}")
    for bar, met in bars.items():
        print(f"{'met   ' if met else 'MISSED'} {bar}")
    return 0 if all(bars.values()) else 1


def show(name: str, life: Life) -> None:
    print(
        f"{name}: {life.seconds:.0f} s, {len(life.threads):,} threads, {life.requests:,} requests"
    )
    for digest in life.digests:
        gaps = "; ".join(
            f"{gap.community} {'all' if gap.missing else ' '.join(d[5:] for d in gap.days)}"
            for gap in digest.gaps
        )
        print(
            f"  digest {digest.week.last}: {len(digest.topics)} topics; lacks: {gaps or 'nothing'}"
        )
    for (community, feed), days in sorted(life.days_read.items()):
        print(f"  {community} {feed}: read on {len(days)} days")
    print(f"  memory by day, MB: {' '.join(f'{kib / 1000:.0f}' for kib in life.memory)}")
    print(f"  archive: {life.archive_bytes / 1e6:.1f} MB; told: {dict(life.told)}")


if __name__ == "__main__":
    sys.exit(main())
