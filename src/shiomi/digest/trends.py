"""Trends: themes that run through several stories of the week more than through the weeks before."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.digest.story import Story
from shiomi.digest.thread import Thread

__all__ = ["TrendEvidence"]


@dataclass(frozen=True, slots=True)
class TrendEvidence:
    """A theme across stories of the week, with the threads that show it."""

    name: str  # as written in titles: "Apple M1"
    terms: tuple[str, ...]  # as written in titles, the most significant first
    stories: tuple[Story, ...]  # of this week, the strongest first; at least two
    threads: tuple[Thread, ...]  # of those stories, the leading thread of each story first
    counts: tuple[int, ...]  # threads on the theme per week, oldest first, this week last
    score: float  # z: how far above the weeks before
