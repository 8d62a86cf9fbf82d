"""Print on how many questions our robots.txt parser and protego agree, over 4,231 real files.

For each file: 12 crawlers, 5 paths asked of every file and 3 made from each of up to 12 of its own
patterns. Files that differ are named with one question each.

    python benchmarks/gate/robots.py
"""

from __future__ import annotations

import os
import random
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from protego import Protego

from shiomi.gate.signals.robots_parser import parse_robots

ROOT = Path(__file__).parents[2]
FILES = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "gate"
CRAWLERS = [
    "GPTBot",
    "ClaudeBot",
    "CCBot",
    "Googlebot",
    "bingbot",
    "Bytespider",
    "Applebot",
    "Twitterbot",
    "PetalBot",
    "SemrushBot",
    "ia_archiver",
    "somebody",
]
PATHS = ["/", "/index.html", "/a/b.php?x=1", "/search?q=%E3%81%82", "/private/"]


def bodies() -> Iterator[tuple[str, str]]:
    """The name and text of every file; protego, which takes text, gets it without its BOM."""
    with tarfile.open(FILES / "protego-robots.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if "/test_data/" in member.name else None
            if file is not None:
                name = member.name.rpartition("/")[2]
                yield name, file.read().decode("utf-8-sig", "replace")


def own_paths(text: str, generator: random.Random) -> list[str]:
    """Paths that the file's own patterns are about."""
    found = set()
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in ("allow", "disallow"):
            found.add(value.partition("#")[0].strip())
    patterns = sorted(found)
    generator.shuffle(patterns)
    paths = []
    for pattern in patterns[:12]:
        base = pattern.rstrip("$").replace("*", "x") or "/"
        base = base if base.startswith("/") else f"/{base}"
        paths += [base, base + "more", base.upper()]
    return paths


def main() -> None:
    """Compare, and print."""
    generator = random.Random(1)
    files = questions = agreed = 0
    seconds = {"protego": 0.0, "ours": 0.0}
    differing: dict[str, str] = {}
    for name, text in bodies():
        files += 1
        began = time.process_time()
        theirs = Protego.parse(text)
        between = time.process_time()
        ours = parse_robots(text)
        seconds["ours"] += time.process_time() - between
        seconds["protego"] += between - began
        for path in PATHS + own_paths(text, generator):
            for crawler in CRAWLERS:
                questions += 1
                said = theirs.can_fetch(f"https://a.test{path}", crawler)
                same = said is ours.allows(crawler, path)
                agreed += same
                if not same:
                    differing.setdefault(name, f"{crawler} {path[:60]}: protego {said}")
    print(
        f"{files} files, {questions} questions, {agreed} answered alike: {agreed / questions:.4%}"
    )
    print(f"CPU seconds to read them all: {', '.join(f'{k} {v:.1f}' for k, v in seconds.items())}")
    print(f"{len(differing)} files differ in an answer:")
    for name, question in differing.items():
        print(f"  {name}: {question}")


if __name__ == "__main__":
    main()
