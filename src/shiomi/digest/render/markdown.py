"""Render a digest as Markdown, with the headings and labels of the series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.render.page import (
    Anchor,
    DigestPage,
    Line,
    ThemeBlock,
    ThreadRow,
    TopicPage,
    lay_out,
)

__all__ = ["escape_markdown", "render_markdown"]

# Characters that open inline markup in CommonMark or in GitHub's dialect with formulas, and "{" of
# Jekyll's Liquid. "&" is included only if it opens an entity.
_INLINE = re.compile(r"[\\`*_\[\]<>~|${}]|&(?=#?\w+;)")
# Characters that open a block at the start of a line, or close a heading ("### C #").
_BLOCK = re.compile(r"^([#+=:-]|[0-9]{1,9}(?=[.)]))|(?<= )#")
# Some dialects turn bare addresses into links.
_BARE_LINK = re.compile(r"(?i)(?<=http)(?=:)|(?<=https)(?=:)|(?<=ftp)(?=:)|(?<=www)(?=\.)|(?=@)")


def escape_markdown(text: str) -> str:
    """Escape one line of plain text, so that Markdown shows the same text without markup.

    `text` must be clean: without line breaks and control characters.
    """
    text = _INLINE.sub(r"\\\g<0>", text)
    text = _BARE_LINK.sub(r"\\", text)
    return _BLOCK.sub(_escape_block, text)


def _escape_block(found: re.Match[str]) -> str:
    marker = found.group()
    return f"{marker}\\" if marker.isdigit() else f"\\{marker}"


def render_markdown(digest: Digest, language: Language) -> str:
    """Return the digest as CommonMark text that ends with a newline."""
    return _Markdown(language).page(lay_out(digest, language))


class _Markdown:
    def __init__(self, language: Language) -> None:
        self._say = language.phrase

    def page(self, page: DigestPage) -> str:
        say = self._say
        blocks = [f"# {say('render.title', date=page.date)}"]
        if page.gaps:
            blocks.append("\n".join(map(escape_markdown, page.gaps)))
        blocks.append(f"## {say('render.topics')}")
        blocks += [self.topic(topic) for topic in page.topics] or [say("render.no_topics")]
        blocks.append(f"## {say('render.trends')}")
        blocks += [self.theme(trend) for trend in page.trends] or [say("render.no_trends")]
        if page.subjects:
            blocks.append(f"## {say('render.subjects')}")
            blocks += [self.theme(subject, weekly=True) for subject in page.subjects]
        if page.notes:
            blocks.append(f"## {say('render.notes')}")
            blocks.append("\n".join(f"- {escape_markdown(note)}" for note in page.notes))
        if page.topics or page.subjects:
            blocks.append(say("render.explained"))
        return "\n\n".join(blocks) + "\n"

    def topic(self, topic: TopicPage) -> str:
        lines = [
            f"### {self.link(topic.heading)}",
            self.label("source", self.sources(topic)),
            self.label("attention", self.sentences(topic.attention)),
            self.label("technical", self.sentences(topic.technical)),
            self.label("implications", self.sentences(topic.implications)),
        ]
        if topic.related:
            lines.append(self.label("related", self.threads(topic.related)))
        return "\n".join(lines)

    def label(self, key: str, text: str) -> str:
        return f"- **{self._say(f'render.{key}')}**: {text}"

    def sources(self, topic: TopicPage) -> str:
        """Return the sources: for one thread only its community, for several threads each with its
        link and counts."""
        say = self._say
        if len(topic.sources) == 1 and topic.sources[0].link.href == topic.heading.href:
            named = escape_markdown(topic.sources[0].link.text)
        else:
            named = self.join(
                say(
                    "render.source_with_counts",
                    source=self.link(source.link),
                    counts=escape_markdown(source.counts),
                )
                for source in topic.sources
            )
        if topic.article is None:
            return named
        return say("render.source_with_article", sources=named, article=self.link(topic.article))

    def theme(self, theme: ThemeBlock, *, weekly: bool = False) -> str:
        say = self._say
        heading = escape_markdown(theme.name)
        if theme.rising:
            heading += f" ({say('render.rising')})"
        blocks = [f"### {heading}", self.sentences(theme.lines)]
        if weekly and theme.counts:
            counts = self._say("render.comma").join(map(str, theme.counts))
            blocks.append(say("render.weekly", counts=counts))
        if theme.threads:
            blocks.append(f"{say('render.threads')}: {self.threads(theme.threads)}")
        return "\n".join(blocks[:2]) + "".join(f"\n\n{block}" for block in blocks[2:])

    def threads(self, sources: Sequence[ThreadRow]) -> str:
        return self.join(
            self._say(
                "render.source_with_counts",
                source=self.link(source.title),
                counts=f"{escape_markdown(source.link.text)}{self._say('render.comma')}"
                f"{escape_markdown(source.counts)}",
            )
            for source in sources
        )

    def sentences(self, lines: Sequence[Line]) -> str:
        said = self._say("render.sentence_gap").join(map(self.sentence, lines))
        return said or self._say("render.nothing")

    def sentence(self, line: Line) -> str:
        if line.quoted_from is None:
            return "".join(map(self.link, line.parts))
        text = escape_markdown(line.text)
        return self._say("render.quoted", text=text, source=self.link(line.quoted_from))

    def join(self, parts: Iterable[str]) -> str:
        return self._say("render.comma").join(parts)

    @staticmethod
    def link(link: Anchor) -> str:
        text = escape_markdown(link.text)
        if link.href is None:
            return text
        # A bracket could end the address of the link, and an entity would change it.
        href = link.href.replace("(", "%28").replace(")", "%29")
        return f"[{text}]({re.sub(r'&(?=#?[0-9A-Za-z]+;)', '&amp;', href)})"
