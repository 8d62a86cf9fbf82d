"""The pages are sound HTML, ask for nothing, and no text can add to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.render import render_html, render_index
from shiomi.digest.untrusted import clean

MakeDigest = Callable[[str, str], Digest]


def parse(text: str) -> Element:
    """The document, by an HTML5 parser that forgives nothing."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return tree


def outline(tree: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes, in order."""
    return [(str(one.tag), tuple(sorted(map(str, one.attrib)))) for one in tree.iter()]


def elements(tree: Element, name: str) -> list[Element]:
    return [one for one in tree.iter() if str(one.tag).rpartition("}")[2] == name]


@pytest.mark.parametrize("code", ["ja", "en"])
def test_a_page_is_valid_and_says_its_language(
    code: str, sample: Digest, ja: Language, en: Language
) -> None:
    tree = parse(render_html(replace(sample, language=code), {"ja": ja, "en": en}[code]))
    assert tree.get("lang") == code
    assert len(elements(tree, "h1")) == len(elements(tree, "main")) == 1
    assert len(elements(tree, "article")) == 6
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids))


def test_headings_go_down_one_level_at_a_time(sample: Digest, ja: Language) -> None:
    levels = [
        int(one.tag[1])
        for one in parse(render_html(sample, ja)).iter()
        if re.fullmatch("h[1-6]", str(one.tag))
    ]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_reference_inside_the_page_leads_somewhere(sample: Digest, ja: Language) -> None:
    tree = parse(render_html(sample, ja))
    ids = {one.get("id") for one in tree.iter()}
    for one in tree.iter():
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((one.get(name) or "").split()) <= ids
        if (one.get("href") or "").startswith("#"):
            assert one.get("href", "")[1:] in ids


def test_a_page_needs_no_script_and_no_other_file(sample: Digest, ja: Language) -> None:
    for text in (render_html(sample, ja), render_index([sample], ja)):
        tree = parse(text)
        names = Counter(str(one.tag).rpartition("}")[2] for one in tree.iter())
        assert names["style"] == 1
        assert not names.keys() & {"script", "img", "iframe", "object", "embed", "form", "use"}
        assert not [name for one in tree.iter() for name in one.attrib if str(name)[:2] == "on"]
        assert not [one for one in tree.iter() if "style" in one.attrib or "src" in one.attrib]
        assert not re.search(r"@import|url\(", text)
        loaded = [one for one in elements(tree, "link") if one.get("rel") in ("icon", "stylesheet")]
        assert [one.get("href", "")[:5] for one in loaded] == ["data:"]


def test_the_content_security_policy_allows_only_what_is_there(
    sample: Digest, ja: Language
) -> None:
    [policy] = [
        one.get("content", "")
        for one in elements(parse(render_html(sample, ja)), "meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_english_in_a_japanese_page_is_marked_as_english(
    sample: Digest, ja: Language, en: Language
) -> None:
    tree = parse(render_html(sample, ja))
    assert {one.get("lang") for one in elements(tree, "blockquote")} == {"en"}
    assert elements(tree, "h3")[0].get("lang") == "en"
    english = parse(render_html(replace(sample, language="en"), en))
    assert {one.get("lang") for one in elements(english, "blockquote")} == {None}


def test_every_thread_of_a_story_has_its_row_with_counts_and_time(
    sample: Digest, ja: Language
) -> None:
    table = elements(parse(render_html(sample, ja)), "table")[0]
    rows = [["".join(cell.itertext()) for cell in row] for row in elements(table, "tr")]
    assert rows == [
        ["出典", "ポイント", "コメント", "読み取り時刻"],
        ["Hacker News", "146", "72", "2025-11-16 18:04"],
        ["Lobsters", "61", "34", "2025-11-16 15:30"],
        ["Reddit (r/programming)", "不明", "不明", "不明"],
    ]
    assert elements(table, "caption")


def test_charts_have_their_figures_in_words(sample: Digest, ja: Language) -> None:
    tree = parse(render_html(sample, ja))
    charts = [one for one in elements(tree, "svg") if one.get("role") == "img"]
    assert len(charts) == 4  # one story with a history; two trends, one subject
    for chart in charts:
        assert chart.get("aria-label")
        assert "".join(elements(chart, "desc")[0].itertext())
    described = "".join(elements(charts[0], "desc")[0].itertext())
    assert "Hacker News: 2025-11-14 09:04 JSTに21ポイント、" in described
    assert "2025-11-16 18:04 JSTに146ポイント。" in described


def test_neighbours_are_linked_both_ways(sample: Digest, ja: Language) -> None:
    tree = parse(render_html(sample, ja, older="2025-11-09", newer="2025-11-23"))
    rels = {one.get("rel"): one.get("href") for one in tree.iter() if one.get("href")}
    assert (rels["prev"], rels["next"]) == ("2025-11-09.html", "2025-11-23.html")


def test_the_index_lists_digests_newest_first(sample: Digest, ja: Language) -> None:
    older = replace(sample, week=sample.week.before(60))
    tree = parse(render_index([older, sample], ja))
    hrefs = [one.get("href") for one in elements(tree, "a") if "-" in one.get("href", "")]
    issues = [href for href in hrefs if href and "#" not in href]
    assert issues == ["2025-11-16.html", "2024-09-22.html"]
    assert "2025-11-16.html#topic-1" in hrefs
    assert "まだ号がありません。" in render_index([], ja)


HOSTILE = [
    "<script>alert(1)</script>",
    "</style></title><script>alert(1)</script>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "<!-- ]]> --> <![CDATA[ ]]>",
    "{{ 7*7 }} {% include 'x' %} &lt;b&gt; &amp;",
    "<svg onload=alert(1)><desc></desc></svg>",
    "\u202e\u2066\u200b\x00",
    "x" * 10_000,
    "\n\n\r\n<h1>",
    "\ud800\uffff",
]
MARKUP = st.text(st.one_of(st.characters(), st.sampled_from("<>\"'&/=;! a\n{}%`")))
URLS = st.one_of(
    MARKUP,
    MARKUP.map("https://evil.example/".__add__),
    st.sampled_from(["javascript:alert(1)", "data:text/html,x", "https://a.example/'\"><b>"]),
)


def check_structure(text: str, url: str, hostile: MakeDigest, language: Language) -> None:
    rendered = render_html(hostile(text, url), language)
    tree = parse(rendered)
    hrefs = [one.get("href", "") for one in elements(tree, "a")]
    linked = any(one.startswith("http") for one in hrefs)
    assert all(re.match(r"https?://[^\s\"'<>]+$|#|[\w.-]+\.(html|md|json|xml)$", h) for h in hrefs)
    good = "https://plain.example/" if linked else "javascript:0"
    plain = parse(render_html(hostile("1" if clean(text) else "", good), language))

    def shape(tree: Element) -> list[tuple[str, tuple[str, ...]]]:  # the language differs by text
        return [(tag, tuple(a for a in attrs if a != "lang")) for tag, attrs in outline(tree)]

    assert shape(tree) == shape(plain)
    parse(render_index([hostile(text, url)], language))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a.example/'\"><script>"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_and_links_add_no_element_and_no_attribute(
    text: str, url: str, hostile: MakeDigest, ja: Language
) -> None:
    check_structure(text, url, hostile, ja)


@pytest.mark.slow
@given(text=MARKUP, url=URLS)
@settings(max_examples=60)
def test_no_text_adds_an_element_or_an_attribute(
    text: str, url: str, hostile: MakeDigest, ja: Language
) -> None:
    check_structure(text, url, hostile, ja)


def test_a_quotation_stands_in_the_page_word_for_word(hostile: MakeDigest, ja: Language) -> None:
    said = "if a < b && c > d: \"run\" 'it'"
    tree = parse(render_html(hostile(said, "https://a.example/"), ja))
    assert {"".join(one.itertext()) for one in elements(tree, "blockquote")} == {said}
