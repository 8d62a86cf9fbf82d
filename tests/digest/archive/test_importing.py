"""Importing files: each known shape, whatever is wrong with a file, and going on after a stop."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shiomi.digest.archive import Added, Archive
from shiomi.digest.archive import importing as importing_module
from shiomi.digest.archive.importing import import_file
from shiomi.digest.archive.rows import LONGEST_LINE
from shiomi.digest.errors import ImportFileError
from shiomi.digest.thread import PassageKind, Reading, Thread, ThreadState
from tests.digest.archive.conftest import MakeThread

READ_AT = 2_000_000_000

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write rows as JSON Lines; bytes as they are."""

    def lines(*rows: Any, name: str = "file.jsonl") -> Path:
        path = tmp_path / name
        text = b"".join(
            row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows
        )
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return lines


def one(archive: Archive, uid: str) -> Thread:
    thread = archive.thread(uid)
    assert thread is not None
    return thread


def test_our_own_lines_are_threads_seen_when_they_were_last_read(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    thread = make(readings=(Reading(1_500, 5, None),), tags=("a",))
    report = import_file(archive, save(msgspec.to_builtins(thread)))
    assert (report.shape, report.rows, report.added) == ("threads", 1, Added(new=1, readings=1))
    assert archive.thread(thread.uid) == thread
    assert archive.titles(thread.uid) == [(1_500, thread.title)]


def test_a_table_of_threads_names_communities_its_own_way(archive: Archive, save: Save) -> None:
    common = {"t": 1_500_000_000, "title": " A  title ", "canon": None, "src": "x"}
    path = save(
        {**common, "uid": "hn:1", "community": "hn", "url": "", "score": 5,
         "comments": None, "tags": None},
        {**common, "uid": "lo:ab", "community": "lobsters", "url": "https://e.org/", "score": -1,
         "comments": 0.0, "tags": "rust,web"},
        {**common, "uid": "rp:xy", "community": "r/programming", "url": "https://e.org/?a=1&amp;b=2",
         "score": 0, "comments": 3, "tags": None, "title": "C &amp; D"},
    )  # fmt: skip
    report = import_file(archive, path, read_at=READ_AT)
    assert (report.rows, report.bad, report.done) == (3, 0, True)
    hacker_news = one(archive, "hackernews:1")
    assert hacker_news.title == "A title"
    assert hacker_news.url is None
    assert hacker_news.link == "https://news.ycombinator.com/item?id=1"
    assert hacker_news.readings == (Reading(READ_AT, 5, None, exact=False),)
    lobsters = one(archive, "lobsters:ab")
    assert lobsters.tags == ("rust", "web")
    assert lobsters.link == "https://lobste.rs/s/ab"
    assert lobsters.readings == (Reading(READ_AT, -1, 0, exact=False),)
    reddit = one(archive, "reddit/programming:xy")
    assert (reddit.title, reddit.url) == ("C & D", "https://e.org/?a=1&b=2")
    assert reddit.link == "https://www.reddit.com/r/programming/comments/xy/"
    assert reddit.readings == (Reading(READ_AT, None, 3, exact=False),)


def test_the_files_own_date_is_the_latest_time_of_reading(archive: Archive, save: Save) -> None:
    path = save({"uid": "hn:1", "c": "hn", "t": 1_000, "title": "T", "url": None, "p": 1, "n": 2})
    os.utime(path, (5_000, 5_000))
    assert import_file(archive, path).shape == "link benchmark"
    assert one(archive, "hackernews:1").readings == (Reading(5_000, 1, 2, exact=False),)


def test_a_count_is_never_read_before_its_thread_began(archive: Archive, save: Save) -> None:
    path = save({"uid": "hn:1", "c": "hn", "t": 9_000, "title": "T", "url": None, "p": 1, "n": 2})
    import_file(archive, path, read_at=10)
    assert one(archive, "hackernews:1").readings[0].time == 9_000


def test_earlier_titles_wait_for_a_thread_that_is_not_known_yet(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    path = save({"id": 1, "url": "https://e.org/", "final": "New", "titles": ["Old", "New", "Mid"]})
    report = import_file(archive, path, read_at=READ_AT)
    assert report.shape == "title history"
    assert archive.thread("hackernews:1") is None
    assert archive.search("New") == []
    assert archive.status().heard_of == 1
    assert archive.pending(5) == []
    archive.add([make(title="New")], seen=1_000)
    assert one(archive, "hackernews:1").title == "New"
    assert one(archive, "hackernews:1").url == "https://e.org/"
    assert {title for _, title in archive.titles("hackernews:1")} == {"Old", "Mid", "New"}
    assert [hit.thread.id for hit in archive.search("Old")] == ["1"]


def test_readings_of_the_front_page_wait_for_their_thread_too(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    path = save(
        {"t": 2_000, "id": 1, "rank": 4, "points": 81, "comments": 11.0},
        {"t": 3_000, "id": 1, "rank": 1, "points": 90, "comments": None},
    )
    assert import_file(archive, path).added == Added(readings=2)
    assert archive.reading("hackernews:1", 2_999) == Reading(2_000, 81, 11)
    archive.add([make()], seen=1_000)
    assert one(archive, "hackernews:1").readings == (
        Reading(2_000, 81, 11),
        Reading(3_000, 90, None),
    )
    places = archive.database.execute("SELECT time, place FROM front_page").fetchall()
    assert places == [(2_000, 4), (3_000, 1)]


def test_a_place_without_counts_is_no_reading(archive: Archive, save: Save) -> None:
    path = save({"id": 7, "rank": 3, "read_time": "2019-08-30 08:15:41"})
    assert import_file(archive, path).shape == "front page places"
    assert archive.reading("hackernews:7", 2**40) is None
    assert archive.database.execute("SELECT time, place FROM front_page").fetchall() == [
        (1567152941, 3)
    ]


def test_a_daily_list_knows_the_day_only_and_yields_to_who_knows_better(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    link = "https://news.ycombinator.com/item?id=1"
    path = save({"id": 1, "date": "2025-08-25", "title": "T", "score": 214, "url": link})
    import_file(archive, path)
    day = 1_756_080_000
    thread = one(archive, "hackernews:1")
    assert (thread.created, thread.url) == (day, None)
    assert thread.readings == (Reading(day + 86_399, 214, None, exact=False),)
    archive.add([make(created=day + 77, title="T")], seen=5)
    assert one(archive, "hackernews:1").created == day + 77


def reddit_post(**fields: Any) -> dict[str, Any]:
    post = {
        "id": "abc",
        "title": "R&amp;D",
        "subreddit": "LocalLLaMA",
        "permalink": "/r/LocalLLaMA/comments/abc/rd/",
        "created_utc": 1_700_000_000.0,
        "score": 5,
        "num_comments": 2,
        "is_self": True,
        "url": "https://www.reddit.com/r/LocalLLaMA/comments/abc/rd/",
        "selftext": "**Bold** &gt; by u/somebody",
        "author": "somebody",
        "link_flair_text": "News",
        "top_comments": [
            {
                "id": "c1",
                "body": "&gt; quoted\n\nSee [this](https://e.org)",
                "score": 9,
                "author": "x",
            },
            {"id": "c2", "body": "[deleted]", "score": 1, "author": "[deleted]"},
            {"id": "c3", "body": "[removed]", "score": 1, "author": None},
        ],
    }
    return post | fields


def test_a_reddit_post_brings_its_text_and_comments_without_user_names(
    archive: Archive, save: Save
) -> None:
    import_file(archive, save(reddit_post()), read_at=READ_AT)
    thread = one(archive, "reddit/LocalLLaMA:abc")
    assert (thread.title, thread.url, thread.tags) == ("R&D", None, ("News",))
    assert thread.readings == (Reading(READ_AT, 5, 2, exact=False),)
    post, comment = thread.passages
    assert (post.kind, post.text) == (PassageKind.POST, "Bold > by u/…")
    assert (comment.kind, comment.points) == (PassageKind.COMMENT, 9)
    assert comment.text == "quoted\n\nSee this"
    assert comment.link == "https://www.reddit.com/r/LocalLLaMA/comments/abc/rd/c1/"
    for table in ("thread", "title", "passage", "import"):
        rows = archive.database.execute(f"SELECT * FROM {table}").fetchall()
        assert rows
        assert "somebody" not in str(rows)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"selftext": "[removed]"}, ThreadState.REMOVED),
        ({"selftext": "[deleted]"}, ThreadState.DELETED),
        ({"removed_by_category": "moderator"}, ThreadState.REMOVED),
        ({"removed_by_category": "deleted"}, ThreadState.DELETED),
    ],
)
def test_text_of_a_removed_post_is_not_taken(
    archive: Archive, save: Save, fields: dict[str, str], state: ThreadState
) -> None:
    import_file(archive, save(reddit_post(**fields, top_comments=[])), read_at=READ_AT)
    thread = one(archive, "reddit/LocalLLaMA:abc")
    assert (thread.state, thread.passages) == (state, ())


def test_hidden_points_are_unknown(archive: Archive, save: Save) -> None:
    import_file(archive, save(reddit_post(hide_score=True)), read_at=READ_AT)
    reading = one(archive, "reddit/LocalLLaMA:abc").reading
    assert reading is not None
    assert (reading.points, reading.comments) == (None, 2)


def test_a_crosspost_names_the_thread_it_is_of_where_the_address_says(
    archive: Archive, save: Save
) -> None:
    post = reddit_post(
        is_self=False, crosspost_parent="t3_zz", url="https://www.reddit.com/r/rust/comments/zz/t/"
    )
    import_file(archive, save(post), read_at=READ_AT)
    assert one(archive, "reddit/LocalLLaMA:abc").crosspost_of == "reddit/rust:zz"


def test_a_page_of_a_user_is_not_taken(archive: Archive, save: Save) -> None:
    report = import_file(archive, save(reddit_post(subreddit="u_name"), reddit_post()))
    assert (report.rows, report.bad) == (1, 1)


def test_bad_rows_are_counted_and_named_and_stop_nothing(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    good = msgspec.to_builtins(make())
    path = save(
        b"not json\n",
        good,
        b"\n",
        b'{"community": "hackernews"}\n',
        {**good, "id": "2", "created": "yesterday"},
        {**good, "id": "3", "community": "a:b"},
        {**good, "id": "4", "created": 10**30},
        b'{"title": "\xff\xfe"}\n',
        b"[" * 100_000 + b"\n",
        {**good, "id": "5"},
    )
    report = import_file(archive, path)
    assert (report.rows, report.bad) == (2, 7)
    assert report.problems[0].startswith("row 1: ")
    assert report.problems[1].startswith("row 4: ")
    assert "created" in report.problems[2]
    assert "and" not in report.text().splitlines()[-1][:5]


def test_of_very_many_bad_rows_the_first_are_named(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    report = import_file(archive, save(msgspec.to_builtins(make()), b"x\n" * 30_000))
    assert report.bad == 30_000
    assert len(report.problems) == 20
    assert report.text().endswith("and 29,980 more bad rows")


def test_an_endless_line_is_passed_over(archive: Archive, make: MakeThread, save: Save) -> None:
    long = b'{"title": "' + b"x" * (3 * LONGEST_LINE) + b'"}\n'
    path = save(msgspec.to_builtins(make()), long, msgspec.to_builtins(make(id="2")))
    report = import_file(archive, path)
    assert (report.rows, report.bad) == (2, 1)
    assert report.problems == (f"row 2: longer than {LONGEST_LINE:,} bytes",)


@pytest.mark.slow
def test_what_a_cut_gzip_still_holds_is_kept(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    rows = [msgspec.to_builtins(make(id=str(n), title=f"{n * 7919} title")) for n in range(20_000)]
    path = save(*rows, name="file.jsonl.gz")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    report = import_file(archive, path)
    assert 1_000 < report.rows < 20_000
    assert archive.status().threads == report.rows
    assert "breaks off or is damaged" in report.problems[-1]


def test_a_byte_order_mark_does_no_harm(archive: Archive, make: MakeThread, save: Save) -> None:
    path = save(b"\xef\xbb\xbf", msgspec.to_builtins(make()))
    assert import_file(archive, path).rows == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "no row that can be read"),
        ("[]".encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b"a,b,c\n1,2,3\n", "one JSON object per line"),
        (b'{"a": 1, "b": 2}\n', r"columns are: a, b\. Known are(.|\n)*reddit posts"),
        (b"PK\x03\x04....", "packed with zip; unpack it"),
        (b"\x1f\x8b\x08garbage", "no row that can be read"),
        (b"PAR1 and no more", "damaged or cut short"),
        (os.urandom(5_000), "no row that can be read|UTF-16"),
    ],
)
def test_a_file_of_no_known_shape_is_refused_with_the_known_ones(
    archive: Archive, save: Save, content: bytes, message: str
) -> None:
    path = save(b"")
    path.write_bytes(content)
    with pytest.raises(ImportFileError, match=message):
        import_file(archive, path)
    assert archive.status().threads == 0


def test_a_directory_and_a_missing_file_are_refused(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="is a directory; name the files in it"):
        import_file(archive, tmp_path)
    with pytest.raises(ImportFileError, match="cannot be read: No such file"):
        import_file(archive, tmp_path / "none")


def test_a_format_that_does_not_exist_is_refused(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    path = save(msgspec.to_builtins(make()))
    with pytest.raises(ImportFileError, match="no format 'csv'; there are"):
        import_file(archive, path, format="csv")
    assert import_file(archive, path, format="threads").rows == 1


def test_importing_again_does_nothing_and_says_so(
    archive: Archive, make: MakeThread, save: Save
) -> None:
    path = save(msgspec.to_builtins(make()), b"bad\n")
    first = import_file(archive, path)
    os.utime(path, (1, 1))
    again = import_file(archive, path)
    assert again.already
    assert (again.rows, again.problems) == (first.rows, first.problems)
    assert "imported before" in again.text()


def test_the_same_content_read_at_another_time_is_read_again(archive: Archive, save: Save) -> None:
    path = save({"uid": "hn:1", "c": "hn", "t": 1_000, "title": "T", "url": None, "p": 1, "n": 2})
    import_file(archive, path, read_at=5_000)
    assert import_file(archive, path, read_at=6_000).added.readings == 1
    assert import_file(archive, path).already


def test_an_interrupted_import_goes_on_where_it_stopped(
    archive: Archive, make: MakeThread, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing_module, "_BATCH", 10)
    path = save(*(msgspec.to_builtins(make(id=str(n))) for n in range(35)), b"bad\n")

    def stop(done: int, total: int | None, what: str) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(archive, path, progress=stop)
    assert archive.status().threads == 20
    steps: list[int] = []
    report = import_file(archive, path, progress=lambda done, total, what: steps.append(done))
    assert steps == [30, 36]
    assert (report.rows, report.bad, report.added.new, report.done) == (35, 1, 35, True)
    assert archive.status().threads == 35


@pytest.mark.slow
def test_parquet_is_read_in_batches_and_resumed(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(importing_module, "_BATCH", 10)
    count = 12_345
    table = pa.table(
        {
            "t": [1_000] * count,
            "id": list(range(count)),
            "rank": [1] * count,
            "points": [3] * count,
            "comments": [float("nan") if n % 2 else 4.0 for n in range(count)],
        }
    )
    path = tmp_path / "no-matter-what.bin"
    pq.write_table(table, path)
    seen: list[tuple[int, int | None]] = []

    def stop(done: int, total: int | None, what: str) -> None:
        seen.append((done, total))
        if done == 6_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(archive, path, progress=stop)
    report = import_file(archive, path)
    assert (report.rows, report.added.readings) == (count, count)
    assert seen[-1] == (6_000, count)
    assert archive.reading("hackernews:1", 1_000) == Reading(1_000, 3, None)
    assert archive.reading("hackernews:2", 1_000) == Reading(1_000, 3, 4)


def test_a_cut_parquet_file_is_refused(archive: Archive, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": list(range(10_000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImportFileError, match="damaged or cut short"):
        import_file(archive, path)


def test_without_pyarrow_parquet_says_what_to_install(
    archive: Archive, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportFileError, match=r"needs pyarrow from the extra 'parquet'"):
        import_file(archive, save(b"PAR1....."))


@pytest.mark.slow
@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_real_files_are_read_without_a_bad_row(archive: Archive, shared_data: Path) -> None:
    folder = shared_data / "digest"
    daily = import_file(archive, folder / "hn_daily_top20_2025-08_2026-08.jsonl.gz")
    assert (daily.rows, daily.added.new, daily.bad) == (7_195, 7_195, 0)
    retitled = import_file(archive, folder / "linkbench" / "hn-retitled-2020-2022.jsonl.gz")
    assert (retitled.rows, retitled.bad) == (11_629, 0)
    train = import_file(archive, folder / "linkbench" / "threads-train.jsonl.gz")
    assert (train.rows, train.bad) == (20_659, 0)


@pytest.mark.slow
def test_real_pairs_are_of_no_known_shape(archive: Archive, shared_data: Path) -> None:
    with pytest.raises(ImportFileError, match="columns are: a, b, dt_h, jac"):
        import_file(archive, shared_data / "digest" / "linkbench" / "pairs-dev.jsonl.gz")


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
@pytest.mark.slow
@pytest.mark.slow
def test_the_real_posts_of_a_subreddit_keep_no_user_name(
    archive: Archive, shared_data: Path
) -> None:
    path = shared_data / "digest" / "localllama.jsonl.gz"
    report = import_file(archive, path)
    assert (report.rows, report.bad) == (3_747, 0)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        gone = sum(
            comment["body"] in {"[deleted]", "[removed]"}
            for line in lines
            if line.strip()
            for comment in json.loads(line)["top_comments"]
        )
    assert gone > 100
    count = archive.database.execute(
        "SELECT count(*) FROM passage WHERE text IN ('[deleted]', '[removed]', '')"
        " OR replace(text, 'u/…', '') LIKE '% u/%'"
    ).fetchone()
    assert count == (0,)


@pytest.mark.parametrize(
    "fields",
    [
        {"readings": [{"time": 2**70, "points": 1, "comments": 1}]},
        {"readings": [{"time": -1, "points": 1, "comments": 1}]},
        {"readings": [{"time": 5, "points": 2**63, "comments": 1}]},
        {"passages": [{"kind": "post", "text": "t", "link": "l", "points": -(2**63)}]},
    ],
)
def test_numbers_that_are_no_times_or_counts_cost_their_row(
    archive: Archive, make: MakeThread, save: Save, fields: dict[str, Any]
) -> None:
    good = msgspec.to_builtins(make())
    report = import_file(archive, save({**good, "id": "2", **fields}, good))
    assert (report.rows, report.bad) == (1, 1)


class _FailingDisk(io.RawIOBase):
    """A file whose bytes can be read up to `good`; what lies behind is EIO."""

    def __init__(self, content: bytes, good: int) -> None:
        self._content, self._good, self._at = content, good, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._good:
            raise OSError(errno.EIO, "Input/output error")
        part = self._content[self._at : min(self._good, self._at + len(buffer))]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


@pytest.mark.parametrize("name", ["file.jsonl", "file.jsonl.gz"])
def test_a_disk_that_fails_ends_the_import_and_the_rest_is_read_another_time(
    archive: Archive,
    make: MakeThread,
    save: Save,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    rows = [msgspec.to_builtins(make(id=f"{n:x}{n**9:x}")) for n in range(3_000)]
    path = save(*rows, name=name)
    content = path.read_bytes()
    opened = Path.open
    calls: list[Path] = []

    def failing(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        calls.append(self)
        if len(calls) < 3:  # its first bytes, and its digest
            return opened(self, mode, *rest, **named)
        return io.BufferedReader(_FailingDisk(content, len(content) // 2))

    monkeypatch.setattr(importing_module, "_BATCH", 100)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "open", failing)
        with pytest.raises(ImportFileError, match="cannot be read: Input/output error"):
            import_file(archive, path)
    assert 0 < archive.status().threads < 3_000
    report = import_file(archive, path)
    assert (report.done, report.already, report.bad) == (True, False, 0)
    assert archive.status().threads == 3_000


@pytest.mark.parametrize("path", ["pipe", "/dev/zero", "/dev/null"])
def test_what_is_no_regular_file_is_refused(archive: Archive, tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImportFileError, match="regular files"):
        import_file(archive, tmp_path / path)


def test_a_file_whose_name_is_not_utf_8_is_imported(
    archive: Archive, make: MakeThread, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"\xff\x1b[31m.jsonl")
    path.write_bytes(msgspec.json.encode(make()))
    told: list[str] = []
    report = import_file(archive, path, progress=lambda _, __, what: told.append(what))
    assert report.rows == 1
    assert report.text().isprintable()
    assert told == ["importing \ufffd\ufffd[31m.jsonl"]
    path.write_bytes(b"")
    with pytest.raises(ImportFileError) as caught:
        import_file(archive, path)
    assert str(caught.value).isprintable()


def test_messages_show_no_escape_sequence_of_the_file(archive: Archive, save: Save) -> None:
    with pytest.raises(ImportFileError) as caught:
        import_file(archive, save({"\x1b]0;x\x07": 1, "\u202eb": 2}))
    assert str(caught.value).replace("\n", "").isprintable()


def test_a_batch_is_bounded_in_bytes_too(
    archive: Archive, make: MakeThread, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(*(msgspec.to_builtins(make(id=str(n), title="x" * 400)) for n in range(10)))
    monkeypatch.setattr(importing_module, "_BATCH_BYTES", 1_000)
    done: list[int] = []
    report = import_file(archive, path, progress=lambda rows, *_: done.append(rows))
    assert done == [2, 4, 6, 8, 10, 10]
    assert report.done


@pytest.mark.parametrize(
    "sign", ["\x1b", "\x00", "\x7f", "\x9b", "\u200b", "\u202e", "\ufeff", " "]
)
def test_names_that_a_terminal_does_not_show_cost_their_row(
    archive: Archive, make: MakeThread, save: Save, sign: str
) -> None:
    good = msgspec.to_builtins(make())
    named = [{**good, "id": f"a{sign}b"}, {**good, "community": f"a{sign}b"}]
    table = {"uid": f"hn:a{sign}b", "c": "hn", "t": 5, "title": "T"}
    report = import_file(archive, save(*named, good))
    assert (report.rows, report.bad) == (1, 2)
    assert report.text().replace("\n", "").isprintable()
    report = import_file(archive, save(table))
    assert (report.rows, report.bad) == (0, 1)
