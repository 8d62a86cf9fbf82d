"""A story becomes a topic: statements by code, a model's grounded sentences, quotations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shiomi.digest.document import Origin, Sentence, Topic
from shiomi.digest.languages import Language
from shiomi.digest.ranking import Ranked
from shiomi.digest.thread import Thread
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import Evidence, gather
from shiomi.digest.writing.extract import extract
from shiomi.digest.writing.grounded import Grounded, quotation
from shiomi.digest.writing.model import ModelWriter
from shiomi.digest.writing.statements import Statements

__all__ = ["write_topic"]

QUOTES = 3  # in a topic that has no sentence of a model
QUOTES_BESIDE = 1  # in one that has


def write_topic(
    ranked: Ranked,
    related: Sequence[Thread],
    language: Language,
    week: Week,
    *,
    writer: ModelWriter | None = None,
    avoid: Collection[str] = (),
) -> Topic:
    """The topic of a ranked story, with at most three quotations of its own choice.

    `related` are threads tied to the story and not part of it. Texts in `avoid`, said in topics
    before this one, are not said again where the language knows another way. Without a `writer`, or
    where it fails, the topic is made of templates and quotations.
    """
    evidence = gather(ranked.story)
    statements = Statements(evidence, language, week.zone, ranked.reasons)
    written = writer.write(evidence, language) if writer is not None else None
    grounded = written or Grounded()
    heading = evidence.heading
    return Topic(
        story=ranked.story,
        title=heading.title,
        link=heading.link,
        attention=(*statements.attention(), *grounded.attention),
        technical=(
            *statements.technical(avoid),
            *grounded.technical,
            *_quotations(evidence, grounded),
        ),
        implications=(
            *grounded.implications,
            *statements.implications(related, avoid, kind=not grounded.implications),
        ),
        related=tuple(related),
        score=ranked.score,
        reasons=ranked.reasons,
    )


def _quotations(evidence: Evidence, grounded: Grounded) -> list[Sentence]:
    """The best sentences of the source that are not quoted already."""
    said = [*grounded.attention, *grounded.technical]
    held = [one.text for one in said if one.origin is Origin.QUOTE]
    most = QUOTES_BESIDE if any(one.origin is Origin.MODEL for one in said) else QUOTES
    quotes = extract(
        evidence.passages, most=most - len(held), about=evidence.heading.title, without=held
    )
    return [quotation(quote) for quote in quotes]
