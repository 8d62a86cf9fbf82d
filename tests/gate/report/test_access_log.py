"""Access logs of nginx and Apache are read line by line, and nothing in them stops the reading."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shiomi.gate.errors import DataError
from shiomi.gate.report.access_log import Hit, Reading, read_hits

COMBINED = (
    b'198.51.100.7 - - [17/May/2015:10:05:03 +0900] "GET /a?b=%20c HTTP/1.1" 200 4523'
    b' "https://example.org/" "GPTBot/1.2 (+https://openai.com/gptbot)"'
)
COMMON = b'2001:db8::1 - frank [17/May/2015:01:05:03 +0000] "HEAD / HTTP/1.0" 304 -'


def read(tmp_path: Path, *lines: bytes, name: str = "access.log") -> tuple[list[Hit], Reading]:
    path = tmp_path / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    reading = Reading()
    return list(read_hits([path], reading)), reading


def test_a_combined_line_has_every_field(tmp_path: Path) -> None:
    hits, reading = read(tmp_path, COMBINED)
    assert hits == [
        Hit(
            "198.51.100.7",
            1431824703,
            "GET",
            "/a?b=%20c",
            200,
            4523,
            "https://example.org/",
            "GPTBot/1.2 (+https://openai.com/gptbot)",
        )
    ]
    assert (reading.lines, reading.bad_lines) == (1, 0)


def test_a_common_line_has_no_user_agent_and_is_counted_as_such(tmp_path: Path) -> None:
    hits, reading = read(tmp_path, COMMON)
    assert hits == [Hit("2001:db8::1", 1431824703, "HEAD", "/", 304, 0, "", None)]
    assert reading.without_user_agent == 1


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ((b'"GPTBot/1.2 (+https://openai.com/gptbot)"', b'"-"'), "user_agent", ""),
        ((b"GPTBot/1.2", rb"a \"quoted\" bot"), "user_agent", None),
        ((b"GPTBot/1.2", rb"a \x22quoted\x22 bot"), "user_agent", None),
        ((b'"https://example.org/"', b'"-"'), "referer", ""),
        ((b"198.51.100.7", b"www.example.org:443 198.51.100.7"), "address", "198.51.100.7"),
        ((b" - - ", b" - a name with blanks "), "address", "198.51.100.7"),
        ((b'gptbot)"', b'gptbot)" 0.003 "gzip"'), "status", 200),
        ((b"GET /a?b=%20c HTTP/1.1", rb"\x16\x03\x01\x02"), "method", ""),
        ((b"GET /a?b=%20c HTTP/1.1", b"-"), "target", ""),
        ((b"/a?b=%20c", b"/a b c"), "target", "/a b c"),
        ((b"/a?b=%20c", "/潮見".encode()), "target", "/潮見"),
        ((b"/a?b=%20c", b"/caf\xe9"), "target", "/caf\\xe9"),
        ((b"+0900", b"-0130"), "time", 1431824703 + 10 * 3600 + 1800),
    ],
)
def test_what_servers_write_differently_is_read_alike(
    tmp_path: Path, changed: tuple[bytes, bytes], field: str, value: object
) -> None:
    hits, reading = read(tmp_path, COMBINED.replace(*changed))
    assert reading.bad_lines == 0
    if value is None:
        value = 'a "quoted" bot (+https://openai.com/gptbot)'
    assert getattr(hits[0], field) == value


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not a line at all",
        COMBINED.replace(b"May", b"Mai"),
        COMBINED.replace(b"17/May", b"32/May"),
        COMBINED.replace(b"2015", b"0000"),
        COMBINED.replace(b" 200 ", b" OK "),
        COMBINED[:60],
        b"\x00" * 500,
    ],
)
def test_a_line_that_is_none_is_counted_and_shown_and_the_next_one_read(
    tmp_path: Path, line: bytes
) -> None:
    hits, reading = read(tmp_path, line, COMBINED)
    assert len(hits) == 1
    assert reading.bad_lines == 1
    assert reading.bad_samples[0].startswith(f"{tmp_path / 'access.log'}:1: ")


def test_a_line_longer_than_any_request_costs_no_memory_and_no_other_line(tmp_path: Path) -> None:
    hits, reading = read(tmp_path, COMBINED, b"x" * 5_000_000, COMBINED)
    assert len(hits) == 2
    assert reading.bad_lines == 1


def test_a_gzipped_log_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "access.log.2"
    path.write_bytes(gzip.compress(COMBINED + b"\n" + COMMON))
    reading = Reading()
    assert len(list(read_hits([path], reading))) == 2
    assert reading.broken_files == []


def test_a_gzipped_log_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    lines = b"".join(COMBINED.replace(b"/a", b"/%d" % n) + b"\n" for n in range(60_000))
    whole = gzip.compress(lines)
    path.write_bytes(whole[: len(whole) // 2])
    reading = Reading()
    hits = list(read_hits([path], reading))
    assert 1_000 < len(hits) < 60_000
    assert str(path) in reading.broken_files[0]


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.log cannot be read"):
        list(read_hits([tmp_path / "no.log"], Reading()))


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes((COMBINED + b"\n") * 50_000)
    told: list[tuple[int, int | None, str]] = []
    list(read_hits([path], Reading(), lambda *told_now: told.append(told_now)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size, "access.log")
    assert len(told) >= 3


@given(st.binary(max_size=400))
def test_any_bytes_are_hits_or_bad_lines(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("log") / "access.log"
    path.write_bytes(data)
    reading = Reading()
    hits = list(read_hits([path], reading))
    assert len(hits) + reading.bad_lines == reading.lines


@given(st.text(st.characters(exclude_characters='"\\\n', exclude_categories=["Cs"]), max_size=80))
def test_a_user_agent_comes_back_as_it_was_logged(
    tmp_path_factory: pytest.TempPathFactory, agent: str
) -> None:
    assume(agent != "-")  # how a log says that there was none
    path = tmp_path_factory.mktemp("log") / "access.log"
    line = COMBINED.replace(b"GPTBot/1.2 (+https://openai.com/gptbot)", agent.encode())
    path.write_bytes(line)
    assert [hit.user_agent for hit in read_hits([path], Reading())] == [agent]


def test_gzipped_logs_put_together_are_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(COMBINED + b"\n") * 3 + b"\0" * 512)
    reading = Reading()
    assert len(list(read_hits([path], reading))) == 3
    assert reading.broken_files == []


def test_what_unpacks_to_a_great_deal_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(b"\0" * 60_000_000, 1))
    reading = Reading()
    assert list(read_hits([path], reading)) == []
    assert reading.bad_lines == 1
