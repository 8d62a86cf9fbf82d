"""Ranking: which stories of a week lead, and why."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.digest.document import Reason
from shiomi.digest.story import Story

__all__ = ["Ranked"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A story with its score and the reasons that sum to it."""

    story: Story
    score: float  # the sum of the reasons' values
    reasons: tuple[Reason, ...]
    demoted: str | None = None  # "gone", "repeat", "near_duplicate": it takes no place; else None
