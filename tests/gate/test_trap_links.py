"""The trap's link goes to the real end of complete documents, and nowhere else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.trap_links import TrapLink
from tests.gate.clients_of import browser

LINK = b"<a>L</a>"
PAGE = b"<!DOCTYPE html><html><body><p>Text</p></body></html>\n"
WITH_LINK = PAGE.replace(b"</body>", LINK + b"</body>")
TYPE = (b"content-type", b"text/html; charset=utf-8")


def linked() -> TrapLink:
    return TrapLink(lambda _: LINK, browser())


def sent(*chunks: bytes, length: bool = False, more: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """What a client gets of a page in these chunks; checks the length it was announced with."""
    headers = [TYPE, *more]
    if length:
        headers.append((b"Content-Length", b"%d" % sum(map(len, chunks))))
    link = linked()
    if not link.start(200, headers):
        return b"".join(chunks)
    after, body = link.first(chunks[0], last=len(chunks) == 1)
    for number, chunk in enumerate(chunks[1:], 2):
        body += link.next(chunk, last=number == len(chunks))
    if length:
        assert dict(after)[b"Content-Length"] == b"%d" % len(body)
    return body


@pytest.mark.parametrize("length", [True, False])
def test_a_page_in_one_piece_has_the_link_before_its_last_end_tag(length: bool) -> None:
    assert sent(PAGE, length=length) == WITH_LINK


@given(st.lists(st.integers(0, len(PAGE)), max_size=6))
def test_a_page_in_pieces_is_never_garbled_and_has_the_link_once_at_most(cuts: list[int]) -> None:
    places = sorted({0, *cuts, len(PAGE)})
    chunks = [PAGE[a:b] for a, b in pairwise(places)]
    assert sent(*chunks, b"") in (PAGE, WITH_LINK)


def test_a_page_that_is_streamed_has_the_link_where_it_ends() -> None:
    assert sent(PAGE[:30], PAGE[30:], b"") == WITH_LINK
    assert sent(PAGE, b"") == WITH_LINK
    assert sent(PAGE + b"", b"more", b"") == PAGE + b"more"  # it was not the end


@pytest.mark.parametrize(
    "page",
    [
        b"<!doctype html><html><body><script>let end = '</body>';</script></body></html>",
        b"<html><body><pre>&lt;/body></pre><textarea></body></textarea></BODY>\r\n</HTML>\r\n",
        b"\xef\xbb\xbf<!-- a --><!doctype html><title>x</title><body></body ><!-- made in 3 ms -->",
    ],
)
@pytest.mark.parametrize("pieces", [1, 7])
def test_an_end_tag_inside_a_script_is_not_the_end(page: bytes, pieces: int) -> None:
    size = -(-len(page) // pieces)
    chunks = [page[at : at + size] for at in range(0, len(page), size)] if pieces > 1 else [page]
    found = sent(*chunks, *([b""] if pieces > 1 else []))
    at = page.lower().rindex(b"</body")
    assert found in ((page[:at] + LINK + page[at:]), page)
    assert pieces > 1 or LINK in found


@pytest.mark.parametrize(
    "page",
    [
        b"<p>a fragment</p></body></html>",
        b"<div><script>x = '</body></html>'</script></div>",
        b"plain </body></html>",
        b"<!doctype html><html><body>no end tag",
        b"<!doctype html><script>document.write('</body></html>')</script>",
        b"",
    ],
)
def test_what_is_no_complete_document_stays_as_it_is(page: bytes) -> None:
    assert sent(page) == page
    assert sent(page, length=True) == page


@pytest.mark.parametrize(
    "header",
    [
        (b"Content-Disposition", b'attachment; filename="page.html"'),
        (b"content-encoding", b"gzip"),
        (b"Content-Range", b"bytes 0-9/30"),
        (b"Digest", b"sha-256=abc"),
    ],
)
def test_attachments_parts_and_packed_pages_stay_as_they_are(header: tuple[bytes, bytes]) -> None:
    assert sent(PAGE, length=True, more=(header,)) == PAGE


def test_a_page_in_pieces_whose_length_was_announced_stays_as_it_is() -> None:
    assert sent(PAGE[:20], PAGE[20:], length=True) == PAGE


@pytest.mark.parametrize(("page", "tag"), [(PAGE, b'W/"a"'), (b"<p>", b'"a"')])
def test_a_page_with_the_link_has_a_weak_etag(page: bytes, tag: bytes) -> None:
    link = linked()
    assert link.start(200, [TYPE, (b"ETag", b'"a"')])
    headers, _ = link.first(page, last=True)
    assert dict(headers)[b"ETag"] == tag


def test_only_whole_pages_are_wanted() -> None:
    assert TrapLink.wanted(browser())
    assert TrapLink.wanted(browser("/", ("Sec-Fetch-Dest", "document")))
    for headers in (
        ("HX-Request", "true"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("Turbo-Frame", "x"),
        ("Sec-Fetch-Dest", "empty"),
    ):
        assert not TrapLink.wanted(browser("/", headers))
    assert not TrapLink.wanted(browser(method="HEAD"))
