"""Measure grounding on Japanese sentences about 64 stories.

    python benchmarks/digest/grounding_unseen.py [--list KIND]

Stories 1 to 54 were used to improve grounding; stories from 55 on are held out. A "crossed"
sentence is a correct sentence that is compared with the evidence of the next story. --list prints
the sentences of stories 1 to 54 for which the verdict is wrong.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import localllama_threads

from shiomi.digest.story import Story
from shiomi.digest.thread import Thread
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.grounding import faults, unquoted

SENTENCES = Path(__file__).parent / "data" / "grounding_sentences.jsonl"


def judged() -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """Yield (kind, sentence, first fault or None) for every sentence.

    Correct sentences are also yielded as crossed sentences.
    """
    written: list[dict[str, Any]] = [json.loads(line) for line in SENTENCES.open(encoding="utf-8")]
    ids = {one["story"]: one["id"] for one in written}
    threads = {t.id: t for t in localllama_threads() if t.id in ids.values()}
    order = sorted(ids)
    for one in written:
        yield one["kind"], one, _fault(one, threads[one["id"]])
        if one["kind"] == "clean":
            other = order[(order.index(one["story"]) + 1) % len(order)]
            yield "crossed", one, _fault(one, threads[ids[other]])


def _fault(one: dict[str, Any], thread: Thread) -> str | None:
    items = gather(Story.of([thread])).items
    # the writer was shown only comments of 60 to 700 characters
    shown = [i for i in items if i.kind.value != "comment" or 60 <= len(i.text) <= 700]
    cited = [shown[n - 1] for n in one["evidence"] if n <= len(shown)] or items[:2]
    text, advice = unquoted(one["text"], cited), one["slot"] == "implications"
    found = next(faults(text, cited, "ja", advice=advice, story=items), None)
    return f"{found.kind}: {found.text}" if found else None


def main() -> None:
    """Print how many sentences of each kind are kept."""
    listed = sys.argv[2] if sys.argv[1:2] == ["--list"] else ""
    table: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for kind, one, why in judged():
        half = "held out" if one["story"] > 54 else "tuned"
        digits = "with digits" if one["digits"] else "no digits"
        for name in (kind, f"{kind}, {digits}"):
            table[name, half].append(why is None)
        if kind == listed and half == "tuned" and (why is None) != (kind == "clean"):
            print(one["story"], why, one["text"], sep="\t")
    for (name, half), kept in sorted(table.items()):
        print(f"{name:24} {half:9} {sum(kept):4} of {len(kept):4} {sum(kept) / len(kept):7.1%}")


if __name__ == "__main__":
    main()
