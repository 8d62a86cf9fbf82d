"""Turn a story into a topic: grounded sentences of a model or quotations, and facts."""

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
from shiomi.digest.writing.pointers import Pointer, best_comment, find_pointer, on_subject
from shiomi.digest.writing.sentences import sentences
from shiomi.digest.writing.statements import Statements

__all__ = ["write_topic"]

QUOTES = 2  # quotations under 技術的内容 in a topic without a model
OPENING = 3  # first sentences of a source that may open a topic
ENOUGH = 2  # a topic with at least two sentences of a model has no quotations


def write_topic(
    ranked: Ranked,
    related: Sequence[Thread],
    language: Language,
    week: Week,
    *,
    writer: ModelWriter | None = None,
    earlier: Sequence[str] = (),
) -> Topic:
    """Return the topic of a ranked story.

    `related` are threads that are linked to the story, and `earlier` are former titles of the
    heading's thread. Without a `writer`, or if it fails, the
    topic is a reading list: quotations and facts.
    """
    evidence = gather(ranked.story, related)
    written = writer.write(evidence, language) if writer is not None else None
    parts = _Parts(evidence, language, week, ranked, written or Grounded())
    heading = evidence.heading
    attention, technical = parts.attention_and_technical(related, earlier)
    implications = parts.implications(related)
    cited = {uid for one in (*attention, *technical, *implications) for uid in one.evidence}
    listed = sorted(related, key=lambda thread: thread.uid not in cited)
    return Topic(
        story=ranked.story,
        title=heading.title,
        link=heading.link,
        attention=tuple(attention),
        technical=tuple(technical),
        implications=tuple(implications),
        related=tuple(listed[:MOST_RELATED]),  # threads that a sentence names come first
        score=ranked.score,
        reasons=ranked.reasons,
    )


class _Parts:
    """The three parts of one topic. A later part does not repeat a quotation of an earlier part."""

    def __init__(
        self,
        evidence: Evidence,
        language: Language,
        week: Week,
        ranked: Ranked,
        grounded: Grounded,
    ) -> None:
        self._evidence, self._language, self._grounded = evidence, language, grounded
        self._own, self._since = evidence.own_passages, week.start
        self._about = evidence.heading.title
        self._statements = Statements(evidence, language, week.zone, ranked.reasons)
        said = (*grounded.attention, *grounded.technical)
        # a quotation repeats neither another one nor the title
        self._quoted = {self._about, *(one.text for one in said if one.origin is Origin.QUOTE)}
        self._enough = sum(one.origin is Origin.MODEL for one in said) >= ENOUGH
        self._pointer: Pointer | None = None

    def attention_and_technical(
        self, related: Sequence[Thread], earlier: Sequence[str]
    ) -> tuple[list[Sentence], list[Sentence]]:
        """Return the sentences of 注目ポイント (content first, then counts) and of 技術的内容.

        A pointer is kept for 開発者への示唆 if another sentence can be quoted. If a story has only
        one quotation, it is under 技術的内容, so that neither part is empty.
        """
        if not self._grounded.implications:
            self._reserve()
        lead = list(self._grounded.attention)
        if not self._enough and not lead:
            lead = self._quote(self._openings(), 1)
        technical = self._technical(related, earlier)
        if not technical:
            lead, technical = [], lead
        if not self._grounded.attention:
            lead = [*self._statements.happened(), *lead]
        return [*lead, *self._statements.counts()], technical

    def _reserve(self) -> None:
        found = find_pointer(self._own, about=self._about, without=self._quoted)
        if found is not None:
            quoted = {*self._quoted, *(quote.text for quote in found.quotes)}
            if extract(self._own, most=1, about=self._about, without=quoted):
                self._pointer, self._quoted = found, quoted

    def _technical(self, related: Sequence[Thread], earlier: Sequence[str]) -> list[Sentence]:
        """Return the model's sentences, or the kind of page with quotations."""
        if self._enough and self._grounded.technical:
            return list(self._grounded.technical)
        found = [*self._statements.page(earlier), *self._grounded.technical]
        if not self._enough:
            found += self._quote(on_subject(self._own, self._about), QUOTES)
            if self._quoted <= {self._about}:
                found += self._quote(on_subject(self._own, self._about, facts=False), 1)
        if self._quoted <= {self._about} and not self._grounded.technical:
            found += self._statements.around(() if found else related)
            found += [] if found else [self._statements.no_text()]
        return found

    def implications(self, related: Sequence[Thread]) -> list[Sentence]:
        """Return the model's implication, else a pointer with its evidence, else one fact."""
        if self._grounded.implications:
            return list(self._grounded.implications)
        pointer = self._pointer or find_pointer(self._own, about=self._about, without=self._quoted)
        if pointer is not None:
            return self._pointed(pointer)
        added = self._statements.added(related)
        if added is not None:
            return [added]
        voice = best_comment(self._own, about=self._about, without=self._quoted)
        if voice is not None:
            return self._pointed(voice)
        return [self._statements.fact(related, self._since)]

    def _pointed(self, pointer: Pointer) -> list[Sentence]:
        uids = tuple(dict.fromkeys(quote.item.uid for quote in pointer.quotes))
        label = self._statements.pointed(pointer.name, pointer.focus, uids)
        return [label, *map(quotation, pointer.quotes)]

    def _openings(self) -> list[Item]:
        """Return the items other than comments, each with only its first sentences, without
        questions."""
        return [
            replace(
                item,
                text="\n\n".join(s for s in sentences(item.text)[:OPENING] if s[-1] not in "?？"),
            )
            for item in self._own
            if item.kind is not ItemKind.COMMENT
        ]

    def _quote(self, items: Sequence[Item], most: int) -> list[Sentence]:
        quotes: list[Quote] = extract(items, most=most, about=self._about, without=self._quoted)
        self._quoted.update(quote.text for quote in quotes)
        return [quotation(quote) for quote in quotes]
