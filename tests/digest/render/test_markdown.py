"""The Markdown has the series' format, and no text from the network can change its structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from shiomi.digest.document import Digest, Gap, Origin, Sentence
from shiomi.digest.languages import Language, load_language
from shiomi.digest.render import render_atom, render_html, render_markdown
from shiomi.digest.render.markdown import escape_markdown
from shiomi.digest.story import Story
from shiomi.digest.untrusted import clean
from shiomi.digest.week import Week

MakeDigest = Callable[[str, str], Digest]
COMMONMARK = MarkdownIt("commonmark")
GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def kind_of(line: str) -> str:
    """What a line is in the format, without what is said there."""
    if re.fullmatch(r"# .+ - \d{4}-\d\d-\d\d", line):
        return line.replace(line[-10:], "DATE")
    if line.startswith("## "):
        return line
    if re.fullmatch(r"### \[.+\]\(https://\S+\)", line):
        return "### [title](url)"
    if line.startswith("### "):
        return "### trend"
    label = re.match(r"- \*\*(.+?)\*\*: .", line)
    if label:
        return f"- **{label[1]}**"
    return "paragraph" if line.strip() else ""


def test_the_lines_are_those_of_the_series_heading_for_heading_and_label_for_label(
    shared_data: Path, sample: Digest, ja: Language
) -> None:
    seed = (shared_data / "digest" / "seed_series" / "2025-11-16.md").read_text(encoding="utf-8")
    regulation = replace(sample.topics[1], related=())
    trend = replace(sample.trends[0], threads=())
    digest = replace(sample, topics=(regulation,) * 4, trends=(trend,) * 4, subjects=(), notes=())
    ours = render_markdown(digest, ja)
    told = ours.removesuffix(f"\n{ja.phrase('render.explained')}\n")
    assert [kind_of(line) for line in told.splitlines()] == [
        kind_of(line) for line in seed.strip().splitlines()
    ]
    assert "- **出典**: Reddit (r/LocalLLaMA)\n" in ours
    assert "- **出典**: Reddit (r/LocalLLaMA)\n" in seed


def test_a_story_of_several_communities_names_each_thread_with_its_own_link_and_counts(
    sample: Digest, ja: Language
) -> None:
    line = render_markdown(sample, ja).splitlines()[5]
    assert line == (
        "- **出典**: [Hacker News](https://news.ycombinator.com/item?id=45944441)"
        "（146ポイント・72件のコメント、2025-11-16 18:04 JST 時点）、"
        "[Lobsters](https://lobste.rs/s/qz1abc/blocking_llm_crawlers_without)"
        "（61ポイント・34件のコメント、2025-11-16 15:30 JST 時点）、"
        "[Reddit (r/programming)]"
        "(https://www.reddit.com/r/programming/comments/1oxcrawl/blocking_llm_crawlers/)"
        "（ポイント・コメント数とも不明）"
        "（元記事: [owl.is](https://www.owl.is/blogg/blocking-crawlers-without-javascript/)）"
    )


def test_quotations_are_marked_and_linked(sample: Digest, ja: Language, en: Language) -> None:
    quote = "They want a moat, and they want the state to dig it."
    assert f"「{quote}」（原文引用: [Reddit (r/LocalLLaMA)](https://" in render_markdown(sample, ja)
    assert f"“{quote}” (quoted from [Reddit (r/LocalLLaMA)](https://" in render_markdown(sample, en)


def test_a_title_in_a_sentence_links_to_its_thread(sample: Digest, ja: Language) -> None:
    thread = sample.topics[0].story.threads[0]
    sentence = Sentence(f"ほかに「{thread.title}」があります。", Origin.TEMPLATE, (thread.uid,))
    digest = replace(sample, topics=(replace(sample.topics[0], attention=(sentence,)),))
    assert f"ほかに「[{thread.title}]({thread.link})」があります。" in render_markdown(digest, ja)
    page = render_html(digest, ja)
    assert (
        f'ほかに「<a href="{thread.link}" rel="ugc nofollow" lang="en">{thread.title}</a>」' in page
    )


def test_an_uploaded_image_is_not_called_the_article(sample: Digest, ja: Language) -> None:
    thread = replace(sample.topics[1].story.threads[0], url="https://i.redd.it/x.png")
    topic = replace(sample.topics[1], story=Story.of([thread]))
    assert "元記事" not in render_markdown(replace(sample, topics=(topic,)), ja)


def test_an_unknown_count_is_said_to_be_unknown(sample: Digest, ja: Language) -> None:
    assert "1,912ポイント・コメント数不明、2025-11-16 21:00 JST 時点" in render_markdown(sample, ja)


def test_no_reading_later_than_the_digest_is_printed(sample: Digest, ja: Language) -> None:
    early = replace(sample, as_of=sample.week.start)
    sources = render_markdown(early, ja).splitlines()[5]
    assert "146ポイント" not in sources
    assert sources.count("ポイント・コメント数とも不明") == 3


def test_subjects_and_notes_have_sections_only_where_there_are_any(
    sample: Digest, ja: Language
) -> None:
    headings = [line for line in render_markdown(sample, ja).splitlines() if line[:3] == "## "]
    assert headings == [
        "## 注目のトピック",
        "## 今週の技術トレンド",
        "## 継続ウォッチ",
        "## この号について",
    ]
    bare = render_markdown(replace(sample, subjects=(), notes=()), ja)
    assert [line for line in bare.splitlines() if line[:3] == "## "] == headings[:2]


def test_a_week_without_anything_is_still_a_digest(sample: Digest, ja: Language) -> None:
    empty = replace(sample, topics=(), trends=(), subjects=(), notes=())
    assert render_markdown(empty, ja) == (
        "# 海外コミュニティ動向 - 2025-11-16\n\n## 注目のトピック\n\n"
        "この週に取り上げる話題はありませんでした。\n\n## 今週の技術トレンド\n\n"
        "この週に目立った傾向はありませんでした。\n"
    )


def test_a_long_title_is_cut_visibly_and_keeps_its_link(sample: Digest, ja: Language) -> None:
    topic = replace(sample.topics[0], title="long " * 2_000)
    heading = render_markdown(replace(sample, topics=(topic,)), ja).splitlines()[4]
    assert re.fullmatch(r"### \[(long )+long…\]\(https://news\.ycombinator\.com/\S+\)", heading)
    assert len(heading) < 300


def outline(text: str, parser: MarkdownIt = COMMONMARK) -> list[tuple[str, str]]:
    """The blocks and inline marks of a Markdown text, not what they say."""

    def walk(tokens: list[Token]) -> list[tuple[str, str]]:
        found = []
        for token in tokens:
            if token.type == "inline":
                found += walk(token.children or [])
            elif token.type != "text":
                found.append((token.type, token.tag))
        return found

    return walk(parser.parse(text))


def links(text: str) -> list[str]:
    return [
        str(child.attrs["href"])
        for token in COMMONMARK.parse(text)
        for child in token.children or []
        if child.type == "link_open"
    ]


HOSTILE = [
    "<script>alert(1)</script>",
    "</li><img src=x onerror=alert(1)>",
    "](javascript:alert(1))",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "**bold** _it_ `code` ~~gone~~ | table | $x$ {{ liquid }} {% raw %}",
    "# heading\n\n## another",
    "- item\n> quote\n1. one\n```\ncode",
    "=== --- ***",
    "ends with a # ##",
    "\\](https://evil.example)",
    "&lt;script&gt; &#x3c; &amp;",
    "<https://evil.example> https://evil.example www.evil.example me@evil.example",
    "\u202egnp.exe\u2066 \u200b\x00\x1b",
    "x" * 10_000,
    "`" * 50 + "[" * 50 + "*" * 50,
    "[ref]: https://evil.example",
    "+ plus",
    "12) twelve",
    "\t    indented code",
    "C#",
    ": definition",
    "\ud800 lone",
]
LINKS = [
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://evil.example/a b(c)\"'><script>",
    "https://evil.example/)](https://other.example",
    "https://evil.example/?a&lt;b&copy;c",
    "https://evil.example/\n\n# heading",
    "<https://evil.example>",
    "",
]
MARKUP = st.text(st.one_of(st.characters(), st.sampled_from("[]()<>*_`#-+=>!\\&;:/ \n.1|~{}$")))

URLS = [*LINKS, "https://plain.example/page"]


def check_structure(text: str, url: str, hostile: MakeDigest, language: Language) -> None:
    good = safe = "https://plain.example/page"
    plain = render_markdown(hostile("plain", good), language)
    rendered = render_markdown(hostile(text, url), language)
    if not clean(text):  # empty sentences are left out, so compare with their absence
        plain = render_markdown(hostile("", good), language)
    found = links(rendered)
    if found:
        assert outline(rendered) == outline(plain)
        assert len(set(found)) == 1
        assert found[0].startswith(("http://", "https://"))
    else:
        assert [one for one in outline(plain) if "link" not in one[0]] == outline(rendered)
    assert outline(rendered, GITHUB) == outline(rendered)
    assert safe not in found or url == good


# Each text and each link once; the property below combines them.
@pytest.mark.parametrize(("text", "url"), list(zip(HOSTILE, cycle(URLS), strict=False)))
def test_hostile_text_and_links_do_not_change_the_structure(
    text: str, url: str, hostile: MakeDigest, ja: Language
) -> None:
    check_structure(text, url, hostile, ja)


@pytest.mark.slow
@given(text=MARKUP, url=st.one_of(MARKUP.map("https://evil.example/".__add__), MARKUP))
@settings(max_examples=150)
@example(text="0", url="https://a.example/&#0;")
def test_no_text_changes_the_structure(
    text: str, url: str, hostile: MakeDigest, ja: Language
) -> None:
    check_structure(text, url, hostile, ja)


@given(MARKUP)
def test_escaped_text_reads_the_same(text: str) -> None:
    text = clean(text)
    tokens = COMMONMARK.parse(escape_markdown(text))
    said = "".join(child.content for token in tokens for child in token.children or [])
    assert said == text


@given(MARKUP)
def test_escaped_text_is_one_paragraph_of_text(text: str) -> None:
    text = clean(text)
    shape = outline(escape_markdown(text))
    allowed = [("paragraph_open", "p"), ("paragraph_close", "p")] if text else []
    assert [one for one in shape if one[0] != "text_special"] == allowed


def test_a_thread_that_cannot_be_linked_is_still_named(sample: Digest, ja: Language) -> None:
    thread = replace(sample.topics[1].story.threads[0], link="javascript:alert(1)")
    topic = replace(sample.topics[1], story=Story.of([thread]), link="javascript:alert(1)")
    text = render_markdown(replace(sample, topics=(topic,)), ja)
    assert "### Anthropic pushing again" in text
    assert "javascript:" not in text


def test_a_community_that_was_not_read_is_named_before_the_topics() -> None:
    gaps = (
        Gap("reddit/programming", ("2025-11-12",), missing=False, reason="429"),
        Gap("arxiv", (), missing=True, reason="503"),
    )
    digest = Digest(Week(date(2025, 11, 16)), "ja", 0, (), (), gaps=gaps)
    for text in (
        render_markdown(digest, load_language("ja")),
        render_html(digest, load_language("ja")),
        render_atom([digest], load_language("ja")),
    ):
        assert "Reddit (r/programming)は2025-11-12の分を取得できませんでした。" in text
        assert "arXivはこの週に一度も取得できませんでした。" in text
