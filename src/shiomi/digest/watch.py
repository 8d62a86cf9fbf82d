"""Watch: a named subject followed over weeks: how strong, where, and what communities say of it."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.digest.thread import Passage, Thread

__all__ = ["CommunityStrength", "Quote", "SubjectEvidence"]


@dataclass(frozen=True, slots=True)
class CommunityStrength:
    """How strongly one community talks about a subject this week."""

    community: str
    threads: int  # new ones this week
    usual: float  # threads per week in the weeks before
    strength: float  # sum over its threads of their engagement percentile, each in [0, 1]
    unknown: int = 0  # threads whose counts are unknown: not in `strength`


@dataclass(frozen=True, slots=True)
class Quote:
    """A community's own words on the subject, chosen to stand beside another community's."""

    community: str
    thread: Thread  # the thread the passage belongs to
    passage: Passage
    chosen_by: str  # "contrast": its tone differs from another quote's; "rating": rated highest


@dataclass(frozen=True, slots=True)
class SubjectEvidence:
    """A watched subject's week."""

    name: str
    threads: tuple[Thread, ...]  # new this week, the strongest first
    counts: tuple[int, ...]  # threads per week, oldest first, this week last
    communities: tuple[CommunityStrength, ...]  # the strongest first
    quotes: tuple[Quote, ...]  # side by side, at most one per community; () below two communities
    rising: bool
    usual: float  # threads per week in the weeks before
    terms: tuple[str, ...] = ()  # the watched terms that were found this week
    p_value: float = 1.0  # chance of so many threads in a usual week
