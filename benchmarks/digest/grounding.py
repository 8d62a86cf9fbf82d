"""Print what grounding keeps and what it lets through.

    python benchmarks/digest/grounding.py [answers] [seed]

The clean sentences are in tests/digest/writing/data/clean.toml; hostile answers come from the
adversary of the same folder and are judged by its second implementation.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shiomi.digest.writing.grounding import is_grounded
from tests.digest.writing.sample import clean, evidence
from tests.digest.writing.test_grounding import tally


def main() -> None:
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kept: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for one in clean():
        items = evidence(one.uid).items
        advice = one.part == "implications"
        key = (one.language, one.written)
        every[key] += 1
        kept[key] += is_grounded(one.text, items, one.language, advice=advice, story=items)
    print(f"{'clean sentences':24} {'kept':>6} {'of':>6} {'share':>7}")
    for key, count in sorted(every.items()):
        print(f"{' '.join(key):24} {kept[key]:6} {count:6} {kept[key] / count:7.1%}")
    started = time.perf_counter()
    found = tally(answers, seed)
    seconds = time.perf_counter() - started
    print(f"\n{answers:,} hostile answers, seed {seed}, {1000 * seconds / answers:.1f} ms each")
    print(f"{'clean among them':24} {found.kept:6} {found.clean:6} {found.kept / found.clean:7.1%}")
    print(f"{'attack':24} {'through':>6} {'of':>6} {'share':>7}")
    for kind, count in sorted(found.tried.items()):
        through = len(found.slipped.get(kind, ()))
        print(f"{kind:24} {through:6} {count:6} {through / count:7.2%}")
    print(f"ungrounded by the second judge: {len(found.ungrounded)}")


if __name__ == "__main__":
    main()
