"""Items of an answer, read leniently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.items import is_id, read_cursor, unix_time, web_url


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-02-13T13:30:54.000-06:00", 1739475054),
        ("2016-12-08T19:39:07Z", 1481225947),
        ("2016-12-08T19:39:07", 1481225947),
        (" 2016-12-08T19:39:07+00:00 ", 1481225947),
        ("1969-12-31T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_moment_is_read_with_its_offset(text: str, seconds: int | None) -> None:
    assert unix_time(text) == seconds


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "https://example.org/a?b=c#d",
        "HTTPS://EXAMPLE.ORG/",
        "http://例え.jp/あ",
    ],
)
def test_an_address_of_the_web_is_kept_as_it_is(url: str) -> None:
    assert web_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        None, "", "javascript:alert(1)", "data:text/html,x", "/r/x/comments/1/", "example.org",
        "http://", "http:///path", "http://[::1", "http://a b/", "http://a/\x00", "http://a/\u202e",
        "ftp://example.org/", "http://x/" + "a" * 9000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_none(url: str | None) -> None:
    assert web_url(url) is None


@pytest.mark.parametrize("text", ["", "../../etc", "a b", "1?x=1", "a#b", "é", "x" * 65, "-x"])
def test_what_could_not_stand_in_an_address_is_no_id(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["45944441", "1oximzj", "hep-th/9901001", "2511.08544"])
def test_ids_of_the_communities_are_ids(text: str) -> None:
    assert is_id(text)


@given(st.text())
def test_a_cursor_of_another_version_begins_anew(cursor: str) -> None:
    assert read_cursor(cursor, dict[str, dict[str, dict[str, bool]]]) in (None, {})
