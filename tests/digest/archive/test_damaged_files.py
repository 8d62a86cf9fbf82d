"""Whatever bytes a file holds, importing ends with a report or a reason, and the archive stands."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
from shiomi.digest.errors import ImportFileError
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread

GOOD = [
    Thread(
        "hackernews",
        str(number),
        f"規制 title {number}",
        1_000 + number,
        "https://news.ycombinator.com/item?id=1",
        "https://example.org/",
        readings=(Reading(2_000, number, None),),
        passages=(Passage(PassageKind.POST, "text", "https://example.org/"),),
    )
    for number in range(20)
]
LINES = b"".join(msgspec.json.encode(thread) + b"\n" for thread in GOOD)
PACKED = gzip.compress(LINES, mtime=0)


def imported(content: bytes) -> int:
    """How many threads a file of these bytes gives."""
    with tempfile.TemporaryDirectory() as folder, Archive.open(":memory:") as archive:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            report = import_file(archive, path, read_at=5_000)
        except ImportFileError:
            return 0
        assert report.bad or report.rows
        check = archive.database.execute("PRAGMA integrity_check").fetchall()
        assert check == [("ok",)]
        count = sum(1 for _ in archive.threads(0, 2**40))
        assert count == archive.status().threads
        return count


@pytest.mark.slow
@settings(max_examples=60)
@given(st.binary(max_size=500))
def test_any_bytes_are_imported_or_refused(content: bytes) -> None:
    imported(content)


@pytest.mark.slow
@settings(max_examples=80)
@given(st.data())
def test_bytes_overwritten_in_a_file_cost_only_the_lines_they_are_in(data: st.DataObject) -> None:
    content = bytearray(LINES)
    places = data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5))
    for place in places:
        if content[place] != ord("\n"):
            content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    assert imported(bytes(content)) >= len(GOOD) - len(places) - 1  # an id may become another's


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, len(PACKED)))
def test_of_a_gzip_file_cut_anywhere_what_it_holds_is_kept(length: int) -> None:
    count = imported(PACKED[:length])
    assert count <= len(GOOD)
    if length == len(PACKED):
        assert count == len(GOOD)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, len(PACKED) - 1), st.integers(0, 255))
def test_a_damaged_gzip_file_is_imported_as_far_as_it_goes(place: int, byte: int) -> None:
    content = bytearray(PACKED)
    content[place] = byte
    imported(bytes(content))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = (
    "uid", "community", "c", "t", "title", "url", "p", "n", "score", "comments", "tags", "id",
    "final", "titles", "date", "rank", "points", "read_time", "created", "link", "readings",
    "passages", "subreddit", "permalink", "created_utc", "top_comments", "selftext",
)  # fmt: skip
LIKELY = st.sampled_from(
    ["hn:1", "hn", "r/rust", "2025-01-01", "", 1_500_000_000, -1, 2**70, None, "hackernews"]
)


@pytest.mark.slow
@settings(max_examples=120)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), LIKELY | JSON), max_size=5))
def test_columns_of_the_right_names_with_anything_in_them_are_imported_or_refused(
    rows: list[dict[str, object]],
) -> None:
    lines = []
    for row in rows:
        try:
            lines.append(msgspec.json.encode(row))
        except (UnicodeEncodeError, OverflowError):  # such a line cannot be written at all
            continue
    imported(b"\n".join(lines))


def every_column(name: str) -> dict[str, object]:
    """A row that is of the shape, so that one wrong field is met by the code behind it."""
    rows: dict[str, dict[str, object]] = {
        "own": {
            "community": "hackernews", "id": "1", "title": "T", "created": 5, "link": "l",
            "url": "u", "tags": ["a"], "state": "live", "crosspost_of": "reddit/a:b",
            "readings": [{"time": 5, "points": 1, "comments": None, "exact": True}],
            "passages": [{"kind": "post", "text": "t", "link": "l", "points": 1}],
            "seen": 5, "titles": [[1, 2, "S"]], "dated": 5,
        },
        "reddit": {
            "id": "a", "title": "T", "subreddit": "rust", "permalink": "/r/rust/comments/a/t/",
            "created_utc": 5.0, "score": 1, "num_comments": 1, "selftext": "s", "url": "u",
            "top_comments": [{"id": "c", "body": "b", "score": 1}],
        },
    }  # fmt: skip
    return rows[name]


@pytest.mark.slow
@settings(max_examples=120)
@given(st.sampled_from(["own", "reddit"]), st.data())
def test_one_wrong_field_costs_at_most_its_row(name: str, data: st.DataObject) -> None:
    row = every_column(name)
    good = msgspec.json.encode(row)
    row[data.draw(st.sampled_from(sorted(row)))] = data.draw(LIKELY | JSON)
    try:
        wrong = msgspec.json.encode(row)
    except (UnicodeEncodeError, OverflowError):
        return
    with tempfile.TemporaryDirectory() as folder, Archive.open(":memory:") as archive:
        path = Path(folder) / "file"
        path.write_bytes(wrong + b"\n" + good)
        report = import_file(archive, path, read_at=5_000)
        assert report.rows >= 1
        assert report.rows + report.bad == 2
