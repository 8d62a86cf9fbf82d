"""Measure grounding on Japanese sentences about 64 stories.

    python benchmarks/digest/grounding_unseen.py [--list KIND]

Stories 1 to 54 were used to improve grounding; stories from 55 on are held out. A crossed sentence
is a correct sentence that is compared with the evidence of the next story. --list prints the
sentences with the wrong verdict.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import localllama_threads

from shiomi.digest.story import Story
from shiomi.digest.thread import Thread
from shiomi.digest.writing.evidence import Item, gather
from shiomi.digest.writing.grounding import faults, unquoted

SENTENCES = Path(__file__).parent / "data" / "grounding_sentences.jsonl"


@dataclass(frozen=True)
class Row:
    """A sentence with its verdict."""

    kind: str
    story: int
    digits: bool
    text: str
    why: str | None  # the first fault, None if it is kept


def rows() -> list[Row]:
    """Judge every sentence, and every correct one also against the next story."""
    written: list[dict[str, Any]] = [json.loads(line) for line in SENTENCES.open(encoding="utf-8")]
    ids = {one["story"]: one["id"] for one in written}
    threads = {t.id: t for t in localllama_threads() if t.id in ids.values()}
    order = sorted(ids)
    found = []
    for one in written:
        here = threads[one["id"]]
        found.append(_judged(one, one["kind"], here))
        if one["kind"] == "clean":
            other = order[(order.index(one["story"]) + 1) % len(order)]
            found.append(_judged(one, "crossed", threads[ids[other]]))
    return found


def _judged(one: dict[str, Any], kind: str, thread: Thread) -> Row:
    items = gather(Story.of([thread])).items
    cited = cited_items(items, one["evidence"])
    advice = one["slot"] == "implications"
    text = unquoted(one["text"], cited)
    found = next(faults(text, cited, "ja", advice=advice, story=items), None)
    why = None if found is None else f"{found.kind}: {found.text}"
    return Row(kind, one["story"], one["digits"], one["text"], why)


def cited_items(items: tuple[Item, ...], numbers: list[int]) -> tuple[Item, ...]:
    """Return the items cited. The writer was shown only comments of 60 to 700 characters."""
    shown = [i for i in items if i.kind.value != "comment" or 60 <= len(i.text) <= 700]
    return tuple(shown[number - 1] for number in numbers if number <= len(shown)) or items[:2]


def is_held_out(story: int) -> bool:
    """Return whether a story was not used to improve grounding."""
    return story > 54


def main() -> None:
    """Print how many of each kind are kept."""
    table: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows():
        half = "held out" if is_held_out(row.story) else "tuned"
        table[row.kind, half].append(row)
        table[f"{row.kind}, {'with' if row.digits else 'no'} digits", half].append(row)
    print(f"{'sentences':24} {'half':9} {'kept':>5} {'of':>4} {'share':>7}")
    for (kind, half), group in sorted(table.items()):
        kept = sum(row.why is None for row in group)
        print(f"{kind:24} {half:9} {kept:5} {len(group):4} {kept / len(group):7.1%}")
    if "--list" in sys.argv:
        kind = sys.argv[sys.argv.index("--list") + 1]
        for row in (row for half in ("tuned",) for row in table[kind, half]):
            if (row.why is None) != (kind == "clean"):
                print(f"{row.story}\t{row.why}\t{row.text}")


if __name__ == "__main__":
    main()
