"""Let the configured model write about one small story, and measure what works and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from shiomi.digest.languages import Language
from shiomi.digest.settings import WriterConfig
from shiomi.digest.story import Story
from shiomi.digest.thread import Passage, PassageKind, Thread
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.model import ModelWriter, TopicProgress
from shiomi.digest.writing.translated import REQUESTS

__all__ = ["Trial", "try_writer"]

PROMPT_TOKENS = 3_500  # tokens of the prompt for a topic with all its evidence
ANSWER_TOKENS = 500

_LINK = "https://news.ycombinator.com/item?id=1"
_TEXTS = (
    (
        PassageKind.ARTICLE,
        "The file system SquashBox 2.1 stores a directory tree in one read-only image. It"
        " compresses blocks of 1 MB with Zstandard and finds equal blocks in different files."
        " On 40 releases of Perl the image has 2.6 GB instead of 47 GB.",
    ),
    (
        PassageKind.COMMENT,
        "I compared it with SquashFS: mounting is slower, but the image is ten times smaller"
        " for our container layers.",
    ),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of the trial."""

    writer: ModelWriter  # already closed; `writer.fault` is set if the model failed
    kept: int
    fallen: int
    tokens_per_second: float
    minutes: float  # time for a whole digest at this speed


def try_writer(
    config: WriterConfig,
    language: Language,
    *,
    topics: int = 8,
    client: httpx2.Client | None = None,
    clock: Callable[[], float] = time.monotonic,
    tell: Callable[[TopicProgress], None] = lambda _: None,
) -> Trial:
    """Let the model write one topic, and measure its speed. Failures are returned, not raised."""
    passages = tuple(Passage(kind, text, _LINK) for kind, text in _TEXTS)
    title = "SquashBox 2.1: a compressing read-only file system"
    thread = Thread("hackernews", "1", title, 0, _LINK, passages=passages)
    evidence = gather(Story.of([thread]))
    with ModelWriter(config, client=client, clock=clock, tell=tell) as writer:
        grounded = writer.write(evidence, language)
        first = total = writer.account.total
        if writer.translates and writer.fault in (None, "ungrounded"):
            writer.write(evidence, language)  # now the server has the instructions in its cache
            total = writer.account.total
    tokens = max(total.completion_tokens, 1)
    speed = tokens / max(total.seconds, 0.001)
    if writer.translates:  # it sends about REQUESTS short requests for each topic
        requests = max(total.requests - first.requests, 1)
        seconds = REQUESTS * (total.seconds - first.seconds) / requests
    else:  # the time for the prompt counts, and a real topic has a longer prompt
        share = PROMPT_TOKENS / max(total.prompt_tokens, 1)
        seconds = total.seconds * max(share, ANSWER_TOKENS / tokens, 1.0)
    fallen = len(writer.fallen.get(evidence.story.id, ()))
    return Trial(writer, grounded.kept if grounded else 0, fallen, speed, seconds * topics / 60)
