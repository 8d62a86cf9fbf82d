"""Topics of two r/LocalLLaMA weeks written by a real model: what is kept, and what it costs.

    python benchmarks/digest/writing_with_model.py ENDPOINT MODEL [topics] [--no-repair]

Needs a model server. Prints every kept and fallen sentence for reading, then the figures.
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import SETTLED, archive_of_localllama

from shiomi.digest.document import Origin
from shiomi.digest.languages import load_language
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.ranking import Ranked, leading, rank
from shiomi.digest.settings import WriterConfig
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, write_topic

WEEKS = (date(2025, 7, 20), date(2025, 7, 27))


def chosen(most: int) -> list[tuple[Ranked, Week]]:
    """Return the `most` leading stories of each week."""
    found = []
    with archive_of_localllama() as archive:
        link_pending(archive, Linker.load())
        for last in WEEKS:
            week = Week(last)
            as_of = week.end + SETTLED
            of_week = stories(archive, week.start, week.end, as_of=as_of)
            ranked = rank(archive, of_week, week, as_of=as_of)
            found += [(one, week) for one in leading(ranked, most)]
    return found


def main() -> None:
    """Write the topics and print the results."""
    endpoint, model = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    repair = "--no-repair" not in sys.argv
    config = WriterConfig(endpoint, model, "", 600.0, 7_200.0, repair=repair)
    language = load_language("ja")
    enough = kept = topics = 0
    started = time.monotonic()
    with ModelWriter(config) as writer:
        for ranked, week in chosen(most):
            topic = write_topic(ranked, (), language, week, writer=writer)
            told = [
                one for one in (*topic.attention, *topic.technical) if one.origin is Origin.MODEL
            ]
            advice = [one for one in topic.implications if one.origin is Origin.MODEL]
            topics += 1
            enough += len(told) >= 2
            kept += len(told) + len(advice)
            usage = writer.account.topics[ranked.story.id]
            print(f"\n## {topic.title}")
            for one in (*told, *advice):
                print(f"  + {one.text}")
            for fallen in writer.fallen.get(ranked.story.id, ()):
                print(f"  - [{fallen.slot}; {fallen.why[:60]}] {fallen.text}")
            print(
                f"  {usage.requests} requests, {usage.prompt_tokens} + {usage.completion_tokens}"
                f" tokens, {usage.seconds:.0f} s",
                flush=True,
            )
        print("\nnotes:", *writer.notes, writer.problem)
        print(
            f"{model}: {enough} of {topics} topics with two or more sentences; {kept} sentences"
            f" kept, {writer.account.dropped} fell; {writer.account.total}; "
            f"{time.monotonic() - started:.0f} s"
        )


if __name__ == "__main__":
    main()
