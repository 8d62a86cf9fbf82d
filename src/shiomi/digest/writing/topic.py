"""A story becomes a topic: statements by code, a model's grounded sentences, quotations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shiomi.digest.document import Origin, Sentence, Topic
from shiomi.digest.languages import Language
from shiomi.digest.ranking import Ranked
from shiomi.digest.thread import Thread
from shiomi.digest.week import Week
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.extract import Quote, extract
from shiomi.digest.writing.statements import Statements

__all__ = ["quotation", "write_topic"]

QUOTES = 3


def write_topic(
    ranked: Ranked,
    related: Sequence[Thread],
    language: Language,
    week: Week,
    *,
    avoid: Collection[str] = (),
) -> Topic:
    """The topic of a ranked story, with at most three quotations.

    `related` are threads tied to the story and not part of it. Texts in `avoid`, said in topics
    before this one, are not said again where the language knows another way.
    """
    story = ranked.story
    evidence = gather(story)
    statements = Statements(evidence, language, week.zone, ranked.reasons)
    main = evidence.heading
    quotes = extract(evidence.passages, most=QUOTES, about=main.title)
    return Topic(
        story=story,
        title=main.title,
        link=main.link,
        attention=tuple(statements.attention()),
        technical=(*statements.technical(avoid), *map(quotation, quotes)),
        implications=tuple(statements.implications(related, avoid)),
        related=tuple(related),
        score=ranked.score,
        reasons=ranked.reasons,
    )


def quotation(quote: Quote) -> Sentence:
    """A sentence in the source's own words, with the page it stands on."""
    return Sentence(quote.text, Origin.QUOTE, (quote.item.uid,), quote.item.link)
