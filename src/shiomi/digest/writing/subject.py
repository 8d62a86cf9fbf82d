"""Write the week of a watched subject: sentences, and quotations of the communities side by
side."""

from __future__ import annotations

from collections.abc import Iterator

from shiomi.digest.document import Origin, Sentence, Subject
from shiomi.digest.languages import Language
from shiomi.digest.thread import community_label
from shiomi.digest.watch import SideQuote, SubjectEvidence
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.extract import extract
from shiomi.digest.writing.grounded import quotation
from shiomi.digest.writing.statements import said_title
from shiomi.digest.writing.trend import leading_sentence, per_week

__all__ = ["write_subject"]


def write_subject(subject: SubjectEvidence, language: Language, week: Week) -> Subject:
    """Return the subject's week in sentences."""
    return Subject(
        name=subject.name,
        sentences=tuple(_sentences(subject, language, week.zone)),
        threads=subject.threads,
        counts=subject.counts,
        rising=subject.rising,
    )


def _sentences(subject: SubjectEvidence, language: Language, zone: str) -> Iterator[Sentence]:
    uids = tuple(thread.uid for thread in subject.threads)

    def say(key: str, **slots: object) -> Sentence:
        return Sentence(language.phrase(f"watch.{key}", **slots), Origin.TEMPLATE, uids)

    name, count = said_title(subject.name), len(subject.threads)
    if not count:
        yield say("none", name=name)
        return
    said = language.number(count)
    if len(subject.counts) > 1:
        yield say("counted", name=name, count=said, usual=per_week(subject.usual))
        yield say("rising" if subject.rising else "fewer" if count < subject.usual else "steady")
    else:
        yield say("counted_only", name=name, count=said)
    if subject.communities:
        rows = [
            language.phrase(
                "watch.in_community",
                community=community_label(one.community),
                count=language.number(one.threads),
                usual=per_week(one.usual),
                strength=f"{one.strength:.1f}",
            )
            for one in subject.communities
        ]
        yield say("communities", communities=language.phrase("writing.comma").join(rows))
    if unknown := sum(one.unknown for one in subject.communities):
        yield say("unknown", count=language.number(unknown))
    yield leading_sentence(subject.threads[0], language, zone, "watch")
    quotes = [sentence for quote in subject.quotes for sentence in _quoted(quote)]
    if len(quotes) > 1:
        contrast = any(quote.contrast for quote in subject.quotes)
        yield say("contrast" if contrast else "voices")
        yield from quotes


def _quoted(quote: SideQuote) -> list[Sentence]:
    """Return the best sentence of the passage as a quotation; [] if no sentence can be quoted."""
    thread, passage = quote.thread, quote.passage
    item = Item(1, ItemKind.COMMENT, passage.text, thread.uid, quote.community, passage.link)
    return [quotation(one) for one in extract([item], most=1, about=thread.title)]
