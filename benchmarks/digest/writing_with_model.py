"""Write topics of r/LocalLLaMA weeks with a real model, and print every sentence for reading.

    python benchmarks/digest/writing_with_model.py ENDPOINT MODEL LAST_DAY... [--topics 8]
        [--way product|one|slots]

Needs a model server. `product` does what `shiomi digest` does, but does not stop using the model
after errors. `one` asks for all slots in one request, and `slots` asks for one slot at a time. Both
do so even if the model is small.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import SETTLED, archive_of_localllama

from shiomi.digest.document import Origin
from shiomi.digest.languages import load_language
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.ranking import Ranked, leading, rank, read_window
from shiomi.digest.settings import WriterConfig
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, Usage, translated, write_topic
from shiomi.digest.writing import model as writing_model
from shiomi.digest.writing.chat import ChatError

EVIDENCE = 1_200  # characters that `one` and `slots` send: a small model reads slowly


class InSlots(ModelWriter):
    """Asks for one slot at a time."""

    def _ask(self, items: Any, language: Any, slots: Any, fallen: Any = ()) -> Any:
        if len(slots) > 1 and not fallen:
            raise ChatError("cut_short", "asked in slots")
        return super()._ask(items, language, slots, fallen)


def chosen(weeks: list[date], most: int) -> list[tuple[Ranked, Week]]:
    """Return the `most` leading stories of each week."""
    found = []
    with archive_of_localllama() as archive:
        link_pending(archive, Linker.load())
        for week in map(Week, weeks):
            as_of = week.end + SETTLED
            window = read_window(archive, week, as_of=as_of, weeks=8)
            ranked = rank(window, stories(archive, week.start, week.end, as_of=as_of))
            found += [(one, week) for one in leading(ranked, most)]
    return found


def main() -> None:
    """Write the topics and print the results."""
    read = argparse.ArgumentParser()
    read.add_argument("endpoint")
    read.add_argument("model")
    read.add_argument("weeks", nargs="+", type=date.fromisoformat)
    read.add_argument("--topics", type=int, default=8)
    read.add_argument("--way", choices=("product", "one", "slots"), default="product")
    asked = read.parse_args()
    if asked.way != "product":
        translated.SMALL, writing_model.SIZES = 0, (EVIDENCE,)
    config = WriterConfig(asked.endpoint, asked.model, "", 900.0, 7_200.0)
    language, counts, total = load_language("ja"), [], Usage()
    for ranked, week in chosen(asked.weeks, asked.topics):
        # Each topic has its own writer, so that errors in one topic do not affect the next topics.
        with (InSlots if asked.way == "slots" else ModelWriter)(config) as writer:
            topic = write_topic(ranked, (), language, week, writer=writer)
        sentences = (*topic.attention, *topic.technical, *topic.implications)
        kept = [one.text for one in sentences if one.origin is Origin.MODEL]
        fallen = writer.fallen.get(ranked.story.id, ())
        print(f"\n## {topic.title}", *(f"  + {text}" for text in kept), sep="\n")
        print(*(f"  - [{one.slot}; {one.why[:60]}] {one.text}" for one in fallen), sep="\n")
        print(f"  {writer.account.total} {writer.problem}", flush=True)
        counts.append(len(kept))
        total.add(writer.account.total)
    enough = sum(count >= 2 for count in counts)
    print(f"\n{enough} of {len(counts)} topics with two sentences; {sum(counts)} kept; {total}")


if __name__ == "__main__":
    main()
