"""canonical_url(): addresses of one page share a key, addresses of different pages do not."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shiomi.digest.errors import LinkingError
from shiomi.digest.linking.canonical_url import LONGEST, canonical_url
from shiomi.digest.linking.url_rules import load_url_rules, parse_url_rules

RULES = load_url_rules()


@pytest.mark.parametrize(("url", "key"), RULES.examples)
def test_every_example_of_the_table_has_the_key_written_beside_it(url: str, key: str) -> None:
    assert canonical_url(url) == key
    assert canonical_url(key) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://www.example.org/a/"),
        ("https://example.org", "https://EXAMPLE.org:443/index.html"),
        ("https://example.org:8080/a", "http://example.org:08080/a"),
        ("https://m.example.org/a", "https://amp.example.org/a"),
        ("https://en.m.example.org/a", "https://en.example.org/a"),
        ("https://example.org/a%7Eb", "https://example.org/a~b"),
        ("https://example.org/a%c3%a9", "https://example.org/a\u00e9"),
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://example.org//a///b", "https://example.org/a/b"),
        ("https://example.org/x/../a/./b", "https://example.org/a/b"),
        ("https://example.org/a/amp/", "https://example.org/a"),
        ("https://example.org/a?amp", "https://example.org/a"),
        ("https://example.org/a.amp.html", "https://example.org/a.html"),
        ("https://example.org/a?b=1&a=2", "https://example.org/a?a=2&b=1"),
        ("https://example.org/a?b=1&amp;a=2", "https://example.org/a?a=2&b=1"),
        ("https://example.org/a?q=x+y", "https://example.org/a?q=x%20y"),
        ("https://example.org/a?UTM_Source=x&fbclid=y&ref=hn", "https://example.org/a"),
        ("https://example.org/a?2019", "https://example.org/a"),
        ("https://example.org/a?repost=1", "https://example.org/a"),
        ("https://example.org/a#part-2", "https://example.org/a"),
        ("https://example.org/a#:~:text=words", "https://example.org/a"),
        ("https://example.org/a;jsessionid=0123", "https://example.org/a"),
        ("https://example.org/(S(abc123))/a", "https://example.org/a"),
        ("https://user:secret@example.org/a", "https://example.org/a"),
        ("https://b\u00fccher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://example.org./a", "https://example.org/a"),
        ("https:\\\\example.org\\a", "https://example.org/a"),
        ("http://http://example.org/a", "https://example.org/a"),
        ("//example.org/a", "https://example.org/a"),
        ("\ufeff https://example.org/a\u200b\n", "https://example.org/a"),
        ("https://someone.blogspot.de/2020/a.html", "http://someone.blogspot.com/2020/a.html?m=1"),
        (
            "https://web.archive.org/web/20200101000000/https://example.org/a",
            "https://example.org/a",
        ),
        ("https://web.archive.org/web/2020id_/http%3A//example.org/a", "https://example.org/a"),
        ("https://archive.is/2020.01.01-000000/https://example.org/a", "https://example.org/a"),
        ("https://www.google.com/amp/s/example.org/a/amp/", "https://example.org/a"),
        (
            "https://www.google.com/url?sa=t&url=https%3A%2F%2Fexample.org%2Fa",
            "https://example.org/a",
        ),
        (
            "https://example-org.cdn.ampproject.org/v/s/example.org/a/amp?amp_js_v=1",
            "https://example.org/a",
        ),
        (
            "https://webcache.googleusercontent.com/search?q=cache:0123456789ab:example.org/a",
            "https://example.org/a",
        ),
        (
            "https://translate.google.com/translate?sl=ja&u=https://example.org/a",
            "https://example.org/a",
        ),
        ("https://example-org.translate.goog/a?_x_tr_sl=ja", "https://example.org/a?_x_tr_sl=ja"),
        ("https://12ft.io/https://example.org/a", "https://example.org/a"),
        (
            "https://stories.example/some-words-399030457fdb",
            "https://medium.com/@x/y-399030457fdb?source=z",
        ),
    ],
)
def test_two_addresses_of_one_page_share_a_key(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/a?id=1", "https://example.org/a?id=2"),
        ("https://example.org/?p=1", "https://example.org/?p=2"),
        ("https://example.org/a?article=1", "https://example.org/a"),
        (
            "https://example.org/detail?src=" + 40 * "a",
            "https://example.org/detail?src=" + 40 * "b",
        ),
        (
            "https://jpl.nasa.gov/news.php?feature=6729",
            "https://jpl.nasa.gov/news.php?feature=6734",
        ),
        ("https://arstechnica.com/?p=1", "https://arstechnica.com/?p=2"),
        ("https://x.com/", "https://twitter.com/"),
        ("https://example.org/viewtopic.php?f=1&t=2", "https://example.org/viewtopic.php?f=1&t=3"),
        ("https://example.org/bash?4281", "https://example.org/bash?5273"),
        ("https://example.org/a%2Fb", "https://example.org/a/b"),
        ("https://example.org:8080/a", "https://example.org/a"),
        ("https://example.org/#/one", "https://example.org/#/two"),
        ("https://example.org/#!one", "https://example.org/#!two"),
        ("https://example.org/blog#blog28", "https://example.org/blog#blog29"),
        ("https://apenwarr.ca/log/?m=201708#14", "https://apenwarr.ca/log/?m=201708#10"),
        ("https://one.example.org/a", "https://two.example.org/a"),
        ("https://one.github.io/a", "https://two.github.io/a"),
        ("https://github.com/a/b/blob/master/X.md", "https://github.com/a/b/blob/master/x.md"),
        ("https://github.com/a/b/issues/1", "https://github.com/a/b/pull/1"),
        ("https://en.wikipedia.org/wiki/Unix", "https://de.wikipedia.org/wiki/Unix"),
        ("https://youtu.be/AAAAAAAAAAA", "https://youtu.be/AAAAAAAAAAB"),
        # a snapshot of a home page from long ago is not the home page of today
        ("https://web.archive.org/web/1999/http://example.org/", "https://example.org/"),
        # the last part of these UUIDs is the machine they were made on
        (
            "https://x.example/content/523422ba-7ffd-11e6-8e50-8ec15fb462f4",
            "https://x.example/content/ffffffff-8000-11e6-8e50-8ec15fb462f4",
        ),
    ],
)
def test_addresses_of_different_pages_keep_different_keys(one: str, other: str) -> None:
    assert canonical_url(one) is not None
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " \n",
        "item?id=1",
        "example.org/a",
        "ftp://example.org/a",
        "mailto:someone@example.org",
        "javascript:alert(1)",
        "http://",
        "http:///",
        "https://localhost:4000/a",
        "https://printer.local/a",
        "https://127.0.0.1/a",
        "https://192.168.0.1/a",
        "https://[::1]/a",
        "https://[oops/a",
        "https://1.2.3/a",
        "https://example/a",
        "https://exa mple.org/a",
        "https://example.org:99999/a",
        "https://example.org:http/a",
        "https://" + "a" * 64 + "\u00e9.org/",
        "https://example.org/" + "a" * LONGEST,
        "https://example.org/" + "\u00e9" * (LONGEST // 2),
        "https://example.org\x00/a",
    ],
)
def test_what_is_no_page_of_the_open_web_has_no_key(url: str) -> None:
    assert canonical_url(url) is None


def test_an_ip_address_that_others_can_reach_has_a_key() -> None:
    assert canonical_url("http://[2606:4700:0::1]:80/a") == "https://[2606:4700::1]/a"
    assert canonical_url("http://1.1.1.1/") == "https://1.1.1.1"


def test_control_and_bidi_characters_never_reach_a_key_bare() -> None:
    key = canonical_url("https://example.org/a\x00\u202eb\ud800?x=\x1b#y")
    assert key is not None
    assert key.isascii()
    assert key.isprintable()


HOSTS = st.sampled_from(
    ["example.org", "WWW.Example.org:443", "b\u00fccher.example", "8.8.8.8"]
    + [host.replace(".", "x.", 1) if host.startswith(".") else host for host in RULES.sites]
    + [host.replace(".", "x.", 1) if host.startswith(".") else host for host in RULES.wrappers]
)
# fmt: off
PIECES = st.sampled_from([
    "/", "//", ".", "..", "?", "#", "!", "&", "=", "&amp;", "%", "%2", "%41", "%2F", "%25", "+",
    ";", "\\", "@", ":", "[", "]", "-", "m", "d", "p", "q", "v", "u", " ", "\u00e9", "\u202e",
    "\x00", "\ud800", "amp", ".amp", "index.html", "www.", "http:", "https://", "https%3A%2F%2F",
    "id", "url", "example.org", "story", "abs", "pdf", "web", "2020", "399030457fdb", "utm_x",
    "ref", "status", "comments", "article", "1810.10109",
])
# fmt: on


@pytest.mark.slow
@given(st.one_of(st.text(), st.text(alphabet=string.printable).map("https://".__add__)))
def test_any_text_is_answered_and_a_key_is_its_own_key(url: str) -> None:
    key = canonical_url(url)
    if key is not None:
        assert canonical_url(key) == key


@given(HOSTS, st.lists(PIECES, max_size=14).map("".join))
@example("12ft.io", "/https://12ft.io/https://example.org/a")
def test_a_key_is_its_own_key_on_every_host_of_the_tables(host: str, rest: str) -> None:
    key = canonical_url(f"https://{host}/{rest}")
    if key is not None:
        assert canonical_url(key) == key
        assert key.isascii()
        assert len(key) <= LONGEST


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=5), st.randoms()
)
def test_the_order_of_parameters_does_not_matter(pairs: list[tuple[str, str]], rng: object) -> None:
    shuffled = sorted(pairs, key=lambda _: rng.random())  # type: ignore[attr-defined]
    one, other = (
        "&".join(f"{name}={value}" for name, value in order) for order in (pairs, shuffled)
    )
    assert canonical_url(f"https://example.org/?{one}") == canonical_url(
        f"https://example.org/?{other}"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[", "not valid TOML"),
        ("", "parameters"),
        (
            '[parameters]\ndrop=[]\ndrop_short=[]\ndrop_starting=[]\ndrop_pairs=[]\n[fragments]\nkeep=[]\n[same_host]\n[[site]]\nname="X"',
            "hosts",
        ),
    ],
)
def test_a_damaged_table_is_refused_with_what_is_wrong(text: str, names: str) -> None:
    with pytest.raises(LinkingError, match=names):
        parse_url_rules(text)
