"""Turn a story into a topic: a model's grounded sentences or quotations, and stated facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shiomi.digest.document import Origin, Sentence, Topic
from shiomi.digest.languages import Language
from shiomi.digest.ranking import Ranked
from shiomi.digest.thread import Thread
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import MOST_RELATED, Evidence, Item, ItemKind, gather
from shiomi.digest.writing.extract import Quote, extract
from shiomi.digest.writing.grounded import Grounded, quotation
from shiomi.digest.writing.model import ModelWriter
from shiomi.digest.writing.pointers import find_pointer, on_subject
from shiomi.digest.writing.sentences import sentences
from shiomi.digest.writing.statements import Statements

__all__ = ["write_topic"]

QUOTES = 2  # under 技術的内容, in a topic without a model
OPENING = 3  # sentences of a source that can open a topic
ENOUGH = 2  # sentences of a model with which a topic needs no quotation


def write_topic(
    ranked: Ranked,
    related: Sequence[Thread],
    language: Language,
    week: Week,
    *,
    writer: ModelWriter | None = None,
) -> Topic:
    """Return the topic of a ranked story.

    `related` are threads with a link to the story. Without a `writer`, or if it
    fails, the topic is a reading list: quotations and facts.
    """
    evidence = gather(ranked.story, related)
    written = writer.write(evidence, language) if writer is not None else None
    parts = _Parts(evidence, language, week.zone, ranked, written or Grounded())
    heading = evidence.heading
    attention, technical = parts.attention_and_technical()
    return Topic(
        story=ranked.story,
        title=heading.title,
        link=heading.link,
        attention=tuple(attention),
        technical=tuple(technical),
        implications=tuple(parts.implications()),
        related=tuple(related[:MOST_RELATED]),
        score=ranked.score,
        reasons=ranked.reasons,
    )


class _Parts:
    """The three parts of one topic; a later part does not repeat a quotation of an earlier one."""

    def __init__(
        self, evidence: Evidence, language: Language, zone: str, ranked: Ranked, grounded: Grounded
    ) -> None:
        self._evidence, self._language, self._grounded = evidence, language, grounded
        self._own = evidence.own_passages
        self._statements = Statements(evidence, language, zone, ranked.reasons)
        self._quoted = {
            one.text
            for one in (*grounded.attention, *grounded.technical)
            if one.origin is Origin.QUOTE
        }
        said = (*grounded.attention, *grounded.technical)
        self._enough = sum(one.origin is Origin.MODEL for one in said) >= ENOUGH

    def attention_and_technical(self) -> tuple[list[Sentence], list[Sentence]]:
        """Return 注目ポイント, content before counts, and 技術的内容.

        A story with a single quotation has it under 技術的内容, so that neither part is empty.
        """
        lead = list(self._grounded.attention)
        if not self._enough and not lead:
            lead = self._quote(self._openings(), 1)
        technical = self._technical()
        if not technical:
            lead, technical = [], lead
        return [*lead, *self._statements.counts()], technical

    def _technical(self) -> list[Sentence]:
        """Return the model's sentences, or the kind of page and quotations."""
        if self._enough and self._grounded.technical:
            return list(self._grounded.technical)
        found = [*self._statements.page(), *self._grounded.technical]
        if not self._enough:
            about = self._evidence.heading.title
            found += self._quote(on_subject(self._own, about), QUOTES)
        if not (found or self._quoted or self._grounded.technical) or not self._own:
            found.append(self._statements.no_text())
        return found

    def implications(self) -> list[Sentence]:
        """Return the model's implication, or a pointer with its evidence, or one fact."""
        if self._grounded.implications:
            return list(self._grounded.implications)
        about = self._evidence.heading.title
        pointer = find_pointer(self._own, about=about, without=self._quoted)
        if pointer is not None:
            uids = (pointer.quote.item.uid,)
            label = self._language.phrase(f"writing.pointer_{pointer.name}")
            return [Sentence(label, Origin.TEMPLATE, uids), quotation(pointer.quote)]
        return [self._statements.discussed()]

    def _openings(self) -> list[Item]:
        """Return the first sentences of each text that is not a comment."""
        return [
            replace(item, text="\n\n".join(sentences(item.text)[:OPENING]))
            for item in self._own
            if item.kind is not ItemKind.COMMENT
        ]

    def _quote(self, items: Sequence[Item], most: int) -> list[Sentence]:
        about = self._evidence.heading.title
        quotes: list[Quote] = extract(items, most=most, about=about, without=self._quoted)
        self._quoted.update(quote.text for quote in quotes)
        return [quotation(quote) for quote in quotes]
