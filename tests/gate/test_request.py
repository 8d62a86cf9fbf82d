"""Request: one normal form, whatever the spelling, the server or the duplicates."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.request import Request, merge_headers, normalise

SEGMENTS = st.lists(
    st.sampled_from(["a", "b", "..", ".", "", "%2e", "x.y", "...", "日"]), max_size=8
)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("", "/"),
        ("/a//b", "/a/b"),
        ("//a", "/a"),
        ("/a/../b", "/b"),
        ("/a/..%2fb", "/b"),
        ("/%61", "/a"),
        ("/%2561", "/%61"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a%00b", "/a\x00b"),
        ("/100%", "/100%"),
        ("/%E6%97%A5", "/日"),
        ("/日", "/日"),
        ("/日".encode(), "/日"),
        (b"/caf\xe9", "/caf\ufffd"),
        ("/\udc80", "/\ufffd\ufffd\ufffd"),
        ("/a?x=/../b", "/a"),
        ("/a#/../b", "/a"),
        ("http://example.org/a/b?c", "/a/b"),
        ("http://example.org", "/"),
        ("http://example.org?a=/b", "/"),
        ("*", "*"),
        ("a/b", "/a/b"),
        ("/a;x=1/b;y", "/a/b"),
        ("/a/..;/b", "/b"),
        ("/a\\..\\b", "/b"),
    ],
)
def test_a_target_has_one_normal_path(target: str | bytes, path: str) -> None:
    assert Request.make(target).path == path


@given(SEGMENTS)
def test_normalising_twice_changes_nothing_more(segments: list[str]) -> None:
    once = normalise("/" + "/".join(segments))
    assert normalise(once) == once
    assert once.startswith("/")
    assert "//" not in once
    assert not {".", ".."} & set(once.split("/"))


@given(SEGMENTS)
def test_encoding_a_path_does_not_change_it(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    assert Request.make(quote(path)).path == normalise(path)
    everything = "".join(f"%{byte:02X}" for byte in path.encode())
    assert Request.make(everything).path == normalise(path)


def test_the_target_is_kept_as_it_was_sent() -> None:
    request = Request.make("/a//%2E%2e/b?x=%41&y=/../")
    assert request.target == "/a//%2E%2e/b?x=%41&y=/../"


def test_names_of_headers_have_no_case() -> None:
    request = Request.make(headers=[("uSeR-AgEnT", "x"), ("HOST", "example.org")])
    assert (request.user_agent, request.host) == ("x", "example.org")


def test_duplicates_are_joined_as_their_fields_are() -> None:
    pairs = [
        (b"Cookie", b"a=1"),
        (b"accept", b"text/html"),
        (b"cookie", b"b=2"),
        (b"ACCEPT", b"*/*"),
        (b"X-Forwarded-For", b"1.1.1.1"),
        (b"x-forwarded-for", b"2.2.2.2"),
        (b"X-Forwarded-For", b"1.1.1.1"),
    ]
    assert merge_headers(pairs) == {
        b"cookie": b"a=1; b=2",
        b"accept": b"text/html, */*",
        b"x-forwarded-for": b"1.1.1.1, 2.2.2.2, 1.1.1.1",
    }


def test_a_user_agent_sent_twice_is_one() -> None:
    request = Request.make(headers=[("User-Agent", "GPTBot"), ("user-agent", "GPTBot")])
    assert request.user_agent == "GPTBot"


def test_http_1_0_without_host_is_a_request_like_any_other() -> None:
    request = Request.make("/a", headers=[])
    assert (request.path, request.host, request.user_agent) == ("/a", "", "")


def test_characters_that_no_header_can_hold_do_no_harm() -> None:
    request = Request.make("/a", headers=[("User-Agent", "日本\x00\r\n"), ("日", "x")])
    assert request.user_agent == "??\x00\r\n"


def scope(**changes: object) -> dict[str, object]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/a/../b",
        "raw_path": b"/a/..%2fb",
        "query_string": b"c=d",
        "scheme": "https",
        "client": ["::ffff:192.0.2.7", 4711],
        "headers": [(b"host", b"example.org"), (b"user-agent", b"caf\xe9")],
        **changes,
    }


def test_an_asgi_scope_is_the_request_it_was_made_from() -> None:
    from_scope = Request.from_asgi(scope())
    made = Request.make(
        "/a/..%2fb?c=d",
        peer="192.0.2.7",
        headers=[("Host", "example.org"), ("User-Agent", "café")],
        scheme="https",
    )
    assert from_scope == made


def test_an_asgi_scope_may_leave_out_what_it_may_leave_out() -> None:
    request = Request.from_asgi({"type": "websocket", "path": "/日", "headers": []})
    assert request.address == b""
    assert (request.method, request.scheme, request.user_agent) == ("GET", "http", "")
    assert request.raw_path == b"/%E6%97%A5"


def test_a_server_that_leaves_names_as_sent_hides_no_user_agent() -> None:
    request = Request.from_asgi(scope(headers=[(b"User-Agent", b"GPTBot")]))
    assert request.user_agent == "GPTBot"


def test_a_web_socket_over_tls_is_https() -> None:
    assert Request.from_asgi(scope(type="websocket", scheme="wss")).scheme == "https"
