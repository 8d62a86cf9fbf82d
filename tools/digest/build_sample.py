"""Build the sample that ships with the package from the shared data: src/shiomi/sample/*.jsonl.gz.

    python tools/digest/build_sample.py            # writes the files and prints what they hold
    python tools/digest/build_sample.py --times    # prints how good its submission times are
    SHIOMI_DATA=/elsewhere/data python tools/digest/build_sample.py

The same input gives the same bytes. src/shiomi/sample/ORIGIN.md explains each field and its origin.
"""

from __future__ import annotations

import gzip
import html
import json
import os
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shiomi.digest.thread import Passage, Reading, Thread
from shiomi.digest.week import Week
from shiomi.sample import SAMPLE_AS_OF, SAMPLE_WEEKS

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data"))
EXCERPTS = ROOT / "tools" / "digest" / "data" / "sample_excerpts.jsonl"
SAMPLE = ROOT / "src" / "shiomi" / "sample"

WEEKS_BEFORE = 3  # a fourth week would be incomplete: the front page was not read before 2020-11-06
FRONT_PAGE_SECONDS = 7 * 86400  # no story stays on the front page longer
COMMUNITIES = {"hn": "hackernews", "lobsters": "lobsters", "r/programming": "reddit/programming"}
LINKS = {
    "hackernews": "https://news.ycombinator.com/item?id={}",
    "lobsters": "https://lobste.rs/s/{}",
    "reddit/programming": "https://www.reddit.com/r/programming/comments/{}/",
}


def build(shared: Path, excerpts: Path) -> dict[str, bytes]:
    """Return the sample's files by name, uncompressed: JSON Lines, one thread per line."""
    weeks = [Week(last) for last in SAMPLE_WEEKS]
    since, until = weeks[0].before(WEEKS_BEFORE).start, weeks[-1].end
    front_page = read_front_page(shared, since, until)
    quoted = read_excerpts(excerpts)
    submitted = submitted_by(front_page)
    rows = read_rows(shared, since, until + FRONT_PAGE_SECONDS)
    found = (to_thread(row, front_page, submitted) for row in rows)
    threads = [thread for thread in found if thread and since <= thread.created < until]
    threads.sort(key=lambda t: (t.created, t.uid))
    missing = set(quoted) - {t.uid for t in threads if t.created >= weeks[0].start}
    if missing:
        raise ValueError(f"{excerpts} quotes threads that are not of the weeks: {sorted(missing)}")

    before = [lightened(thread) for thread in threads if thread.created < weeks[0].start]
    files = {
        "earlier-titles.jsonl.gz": list(earlier_titles(shared, threads)),
        "before.jsonl.gz": before,
    }
    for week in weeks:
        files[f"{week.last}.jsonl.gz"] = [
            replace(thread, passages=quoted.get(thread.uid, ()))
            for thread in threads
            if week.start <= thread.created < week.end
        ]
    return {name: as_lines(held) for name, held in files.items()}


def read_rows(shared: Path, since: int, until: int) -> list[dict[str, Any]]:
    """Return the rows of threads.parquet whose threads were created in [since, until)."""
    table = pq.read_table(shared / "digest" / "threads.parquet")
    inside = pc.and_(pc.greater_equal(table["t"], since), pc.less(table["t"], until))
    rows: list[dict[str, Any]] = table.filter(inside).to_pylist()
    return rows


def read_front_page(shared: Path, since: int, until: int) -> dict[int, tuple[Reading, ...]]:
    """Return the readings of the Hacker News front page by story, oldest first, without repeats.

    A reading with the same counts as the previous reading is dropped, except the last one. A story
    leaves the front page within days. So all its readings are made at most a week after `until`.
    """
    path = shared / "digest" / "snapshots" / "hn_frontpage_points_2020-11_2022-11.parquet"
    table = pq.read_table(path)
    inside = pc.and_(
        pc.greater_equal(table["t"], since - FRONT_PAGE_SECONDS),
        pc.less(table["t"], until + FRONT_PAGE_SECONDS),
    )
    by_story: dict[int, dict[int, Reading]] = defaultdict(dict)
    for row in table.filter(inside).to_pylist():
        comments = None if row["comments"] is None else int(row["comments"])
        by_story[row["id"]][row["t"]] = Reading(row["t"], row["points"], comments)
    return {
        story: without_repeats([at for _, at in sorted(readings.items())])
        for story, readings in by_story.items()
    }


def submitted_by(front_page: dict[int, tuple[Reading, ...]]) -> dict[int, int]:
    """Return the latest possible submission time of each story, in unix seconds.

    Hacker News numbers its items in order of submission. So a story was submitted before any item
    with a higher number was first seen. This corrects most of the delay of a story that reached the
    front page late. `--times` measures the error for the 535 stories with a known submission time.
    90 % of these bounds are within 1.6 h of the submission time. 90 % of the first readings are
    within 21.4 h of it.
    """
    bounds: dict[int, int] = {}
    earliest: int | None = None
    for story in sorted(front_page, reverse=True):
        first = front_page[story][0].time
        earliest = first if earliest is None else min(earliest, first)
        bounds[story] = earliest
    return bounds


def without_repeats(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return the readings that differ from the previous one, and the last reading."""
    kept = [
        now
        for before, now in zip([None, *readings], readings, strict=False)
        if before is None or (now.points, now.comments) != (before.points, before.comments)
    ]
    if kept[-1] != readings[-1]:
        kept.append(readings[-1])
    return tuple(kept)


def to_thread(
    row: dict[str, Any], front_page: dict[int, tuple[Reading, ...]], submitted: dict[int, int]
) -> Thread | None:
    """Return a row as a thread; None for a Hacker News story that was never on the front page.

    Before 2020-11-17 the table has every story with two comments. After that day it has only
    stories of the front page. To make the weeks comparable, stories that were never on the front
    page are left out.
    """
    community = COMMUNITIES[row["community"]]
    name = row["uid"].split(":", 1)[1]
    title, url, created = row["title"], row["url"] or None, row["t"]
    if community == "hackernews":
        if int(name) not in front_page:
            return None
        readings = front_page[int(name)]
        if row["src"] == "hn-history":  # this source has only the time when a story was first seen
            created = submitted[int(name)]
    else:
        readings = (undated_reading(community, row["score"], row["comments"]),)
    if community.startswith("reddit/"):  # Reddit's API escapes & < > in titles and addresses
        title, url = html.unescape(title), html.unescape(url) if url else None
    return Thread(
        community=community,
        id=name,
        title=" ".join(title.split()),
        created=created,
        link=LINKS[community].format(name),
        url=url,
        tags=tuple(tag for tag in (row["tags"] or "").split(",") if tag),
        readings=readings,
    )


def undated_reading(community: str, points: int, comments: int) -> Reading:
    """Return a count that was read at an unknown time, at the latest at SAMPLE_AS_OF.

    Reddit shows 0 for every score of 0 or less, so a 0 there means unknown.
    """
    shown = None if community.startswith("reddit/") and points <= 0 else points
    return Reading(SAMPLE_AS_OF, shown, comments, exact=False)


def lightened(thread: Thread) -> Thread:
    """Return the thread with its newest reading only. Comparisons need no other reading."""
    return replace(thread, readings=thread.readings[-1:])


def earlier_titles(shared: Path, threads: Iterable[Thread]) -> Iterator[Thread]:
    """Return a thread for each earlier title. The time of an earlier title is unknown."""
    path = shared / "digest" / "linkbench" / "hn-retitled-2020-2022.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        titles = {row["id"]: row["titles"] for row in map(json.loads, lines)}
    for thread in threads:
        if thread.community != "hackernews":
            continue
        for title in titles.get(int(thread.id), ()):
            plain = " ".join(title.split())
            if plain != thread.title:
                yield replace(thread, title=plain, readings=(), passages=())


def read_excerpts(path: Path) -> dict[str, tuple[Passage, ...]]:
    """Return the quoted excerpts by the uid of their thread, in the order of the file."""
    quoted: dict[str, list[Passage]] = defaultdict(list)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            passage = msgspec.convert(
                {"kind": row["kind"], "text": row["text"], "link": row["link"]}, Passage
            )
            quoted[row["uid"]].append(passage)
    return {uid: tuple(passages) for uid, passages in quoted.items()}


def as_lines(threads: Iterable[Thread]) -> bytes:
    encoder = msgspec.json.Encoder()
    return b"".join(encoder.encode(thread) + b"\n" for thread in threads)


def measure_times() -> None:
    """Print the error of the bound on submission times, for stories with a known time."""
    since, until = (int(datetime(2020, 11, day, tzinfo=UTC).timestamp()) for day in (9, 16))
    front_page = read_front_page(SHARED, since, until)
    known = {
        story: row["t"]
        for row in read_rows(SHARED, since, until)
        if row["src"] == "massanishi" and (story := int(row["uid"].split(":")[1])) in front_page
    }
    measures: dict[str, Mapping[int, int]] = {
        "first seen on the front page": {i: front_page[i][0].time for i in known},
        "tightest bound by later numbers": submitted_by(front_page),
    }
    print(f"{len(known)} stories; hours after submission:    min    50%    90%    99%")
    for name, times in measures.items():
        late = [(times[story] - at) / 3600 for story, at in known.items()]
        cuts = statistics.quantiles(late, n=100)
        print(f"{name:38} {min(late):11.2f} {cuts[49]:6.2f} {cuts[89]:6.2f} {cuts[98]:6.2f}")


def main() -> None:
    if sys.argv[1:] == ["--times"]:
        measure_times()
        return
    files = build(SHARED, EXCERPTS)
    total = 0
    for name, content in files.items():
        packed = gzip.compress(content, 9, mtime=0)
        (SAMPLE / name).write_bytes(packed)
        total += len(packed)
        threads = msgspec.json.Decoder(Thread).decode_lines(content)
        counts = Counter(thread.community for thread in threads)
        readings = sum(len(thread.readings) for thread in threads)
        quoted = sum(bool(thread.passages) for thread in threads)
        print(
            f"{name}: {len(packed):,} bytes, {len(threads):,} threads "
            f"{dict(sorted(counts.items()))}, {readings:,} readings, {quoted} with excerpts"
        )
    print(f"total {total:,} bytes")


if __name__ == "__main__":
    main()
