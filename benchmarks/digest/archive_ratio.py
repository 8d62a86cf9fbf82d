"""Compare the SQLite archive of this tree with another commit's, in pairs, in processor time.

    git worktree add /tmp/base COMMIT
    python benchmarks/digest/archive_ratio.py /tmp/base/src LINES

LINES holds threads as `shiomi export` writes them. Import, search and loading run in new
processes, the two trees in turn. The ratio compares the least times, which other work on the
machine disturbs least. The median of the pairs is printed too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

OWN = Path(__file__).parents[2] / "src"
CHILD = """
import json, sys, time
from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
QUERIES = ["rust", "open source", "the", "AI", "how to write a compiler", "規制", "C++"]
figures = {}
with Archive.open(sys.argv[2]) as archive:
    for name, step in (
        ("import", lambda: import_file(archive, sys.argv[1])),
        ("search", lambda: [archive.search(one) for one in QUERIES * 5]),
        ("load", lambda: [list(archive.threads(0, 2**40)) for _ in range(2)]),
    ):
        begun = time.process_time()
        step()
        figures[name] = time.process_time() - begun
print(json.dumps(figures))
"""


def measure(source: Path, lines: Path, folder: Path | None) -> dict[str, float]:
    """Processor seconds of each step in a new process with the package at `source`."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        output = subprocess.run(
            [sys.executable, "-c", CHILD, str(lines), f"{name}/a.sqlite3"],
            env={**os.environ, "PYTHONPATH": str(source)}, stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
    figures: dict[str, float] = json.loads(output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where archives are made, e.g. /dev/shm")
    options = parser.parse_args()
    pairs = [
        (
            measure(options.base, options.lines, options.folder),
            measure(OWN, options.lines, options.folder),
        )
        for _ in range(options.pairs)
    ]
    for step in pairs[0][0]:
        base, own = (min(pair[side][step] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(pair[1][step] / pair[0][step] for pair in pairs)
        print(
            f"{step:8}{base:8.3f} s before {own:8.3f} s now   ratio {own / base:.3f}"
            f"   median of pairs {ratio:.3f}"
        )


if __name__ == "__main__":
    main()
