"""Importing files: each known shape, whatever is wrong with a file, and going on after a stop."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
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
        (b'{"a": 1, "b": 2}\n', r"fields are: a, b\. Known are(.|\n)*reddit posts"),
        (b"PK\x03\x04....", "packed with zip; unpack it"),
        (b"\x1f\x8b\x08garbage", "no row that can be read"),
        (b"PAR1 and no more", "is parquet; write its rows as JSON"),
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
    path = save(reddit_post())
    import_file(archive, path, read_at=READ_AT)
    assert import_file(archive, path, read_at=READ_AT + 5).added.readings == 1
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
def test_real_pairs_are_of_no_known_shape(archive: Archive, shared_data: Path) -> None:
    with pytest.raises(ImportFileError, match="fields are: a, b, dt_h, jac"):
        import_file(archive, shared_data / "digest" / "linkbench" / "pairs-dev.jsonl.gz")


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
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
    archive: Archive, make: MakeThread, save: Save, monkeypatch: pytest.MonkeyPatch, name: str
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
    report = import_file(archive, save(*named, good))
    assert (report.rows, report.bad) == (1, 2)
    assert report.text().replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '[{"community": "a"}]',
            r"it is one JSON array; `jq -c '.\[\]'` writes its items as lines",
        ),
        ("[\n{}\n]", "it is one JSON array"),
        ("{" * 100_000, "its fields are of no known shape"),
    ],
)
def test_a_file_that_is_not_json_lines_gets_a_reason(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with Archive.open(":memory:") as archive, pytest.raises(ImportFileError, match=told):
        import_file(archive, path)


def test_a_wrong_name_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    row = {"community": "a b", "id": "1", "title": "t", "created": 1, "link": "x"}
    path.write_text(json.dumps(row))
    with Archive.open(":memory:") as archive:
        report = import_file(archive, path)
    assert report.problems == (
        "row 1: Expected `str` of 1 to 200 characters without spaces and controls"
        " - at `$.community`",
    )
