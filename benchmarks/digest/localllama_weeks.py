"""Load r/LocalLLaMA threads with texts into an archive in memory, and write weekly digests.

    python benchmarks/digest/localllama_weeks.py [--topics FIRST LAST] 2025-07-20 2025-07-27

Prints the Markdown of each week, written without a model. --topics prints only the topics with
these ranks. The digests of users have the first 8 topics, so topics with higher ranks can be held
out. Set SHIOMI_DATA if the shared data is not at ../shared/data.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from shiomi.digest.archive import Archive
from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.config import Config
from shiomi.digest.document import Digest
from shiomi.digest.languages import load_language
from shiomi.digest.pipeline import make_digest
from shiomi.digest.render import render_markdown
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter

__all__ = ["archive_of_localllama", "digest_of", "localllama_threads"]

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "digest"
SETTLED = 3 * 86_400  # assumed seconds from creation to the reading of the counts


def localllama_threads(*, replies: bool = True) -> Iterator[Thread]:
    """Yield the threads that were not removed. Sources read only comments on the post itself, so
    `replies` to other comments can be left out."""
    with gzip.open(DATA / "localllama.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if not row["removed_by_category"]:
                yield _thread(row, replies)


def _thread(row: dict[str, Any], replies: bool) -> Thread:
    link = f"https://www.reddit.com{row['permalink']}"
    passages = []
    if text := plain_markdown(row["selftext"]):
        passages.append(Passage(PassageKind.POST, text, link))
    for comment in row["top_comments"]:
        text = plain_markdown(comment["body"] or "")
        if text and text not in ("[deleted]", "[removed]") and (replies or not comment["depth"]):
            at = f"{link}{comment['id']}/"
            passages.append(Passage(PassageKind.COMMENT, text, at, comment["score"]))
    reading = Reading(
        int(row["created_utc"]) + SETTLED, row["score"], row["num_comments"], exact=False
    )
    return Thread(
        "reddit/LocalLLaMA",
        row["id"],
        html.unescape(row["title"]),
        int(row["created_utc"]),
        link,
        None if row["is_self"] else row["url"],
        readings=(reading,),
        passages=tuple(passages),
    )


def archive_of_localllama() -> Archive:
    """Return an archive in memory that holds every thread."""
    archive = Archive.open(":memory:")
    threads = localllama_threads(replies=False)
    archive.add_seen((thread, thread.created + SETTLED) for thread in threads)
    return archive


def digest_of(
    archive: Archive, last: date, *, writer: ModelWriter | None = None, topics: int = 8
) -> Digest:
    """Return the digest of the week that ends on `last`."""
    config = replace(Config(), digest=replace(Config().digest, topics=topics))
    week = Week(last)
    return make_digest(archive, config, week, as_of=week.end + SETTLED, writer=writer, again=True)


def main() -> None:
    """Print the digests of the weeks given."""
    reader = argparse.ArgumentParser()
    reader.add_argument("weeks", nargs="*", default=["2025-07-20", "2025-07-27"])
    reader.add_argument("--topics", nargs=2, type=int, default=[1, 8])
    given = reader.parse_args()
    first, last = given.topics
    with archive_of_localllama() as archive:
        for day in given.weeks:
            made = digest_of(archive, date.fromisoformat(day), topics=last)
            shown = replace(made, topics=made.topics[first - 1 :])
            print(render_markdown(shown, load_language("ja")))


if __name__ == "__main__":
    main()
