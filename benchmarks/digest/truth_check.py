"""The question "does the source support the claim?" on sentences that grounding keeps.

    python benchmarks/digest/truth_check.py ENDPOINT MODEL [sentences]

Uses the sentences of grounding_unseen.py, false and clean ones in turn, at most `sentences`, and
prints each with its log odds as it comes, then what the check keeps. Needs a model server that
gives log probabilities.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.grounding_unseen import SENTENCES, cited_items, is_held_out
from benchmarks.digest.localllama_weeks import localllama_threads

from shiomi.digest.settings import WriterConfig
from shiomi.digest.story import Story
from shiomi.digest.writing.chat import ChatClient, Usage
from shiomi.digest.writing.evidence import Item, gather
from shiomi.digest.writing.grounding import faults, unquoted
from shiomi.digest.writing.truth import FEWEST_TOKENS, LEAST, log_odds, question


def kept() -> dict[str, list[tuple[str, int, tuple[Item, ...]]]]:
    """Return the false and the clean sentences that grounding keeps, with their evidence."""
    rows = [json.loads(line) for line in SENTENCES.open(encoding="utf-8")]
    ids = {row["id"] for row in rows}
    threads = {t.id: t for t in localllama_threads() if t.id in ids}
    found: dict[str, list[tuple[str, int, tuple[Item, ...]]]] = {"false": [], "clean": []}
    for row in rows:
        if row["kind"] not in found:
            continue
        items = gather(Story.of([threads[row["id"]]])).items
        cited = cited_items(items, row["evidence"])
        text, advice = unquoted(row["text"], cited), row["slot"] == "implications"
        if next(faults(text, cited, "ja", advice=advice, story=items), None) is None:
            found[row["kind"]].append((text, row["story"], cited))
    return found


def main() -> None:
    """Ask about each sentence and print the shares."""
    endpoint, model = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000
    found = kept()
    for rows in found.values():
        random.Random(1).shuffle(rows)
        rows.sort(key=lambda row: not is_held_out(row[1]))
    turns = [(kind, *row) for pair in zip(*(
        [(kind, row) for row in rows] for kind, rows in found.items()), strict=False)
        for kind, row in pair]  # fmt: skip
    chat, usage = ChatClient(WriterConfig(endpoint, model, "", 600.0)), Usage()
    tally: Counter[tuple[str, str, bool]] = Counter()
    for kind, text, story, cited in turns[:most]:
        asked = question(text, [item.text for item in cited])
        ends = time.monotonic() + 600
        answer = chat.complete(asked, None, usage, deadline=ends, most=FEWEST_TOKENS)
        odds = log_odds(answer.first)
        half = "held out" if is_held_out(story) else "tuned"
        tally[half, kind, odds is None or odds >= LEAST] += 1
        print(f"{half}\t{kind}\t{odds}\t{text}", flush=True)
    for half in ("held out", "tuned"):
        for kind, rows in found.items():
            asked_of = tally[half, kind, True] + tally[half, kind, False]
            of_half = sum(is_held_out(row[1]) == (half == "held out") for row in rows)
            print(f"{half} {kind}: {tally[half, kind, True]} of {asked_of} asked pass; "
                  f"grounding kept {of_half}")  # fmt: skip
    print(f"{usage.requests} requests, {usage.prompt_tokens} tokens, {usage.seconds:.0f} s")


if __name__ == "__main__":
    main()
