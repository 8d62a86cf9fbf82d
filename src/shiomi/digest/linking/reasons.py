"""Explain why the judge links two threads: the contribution of each group of features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

from shiomi.digest.linking.features import FEATURES
from shiomi.digest.linking.linker import Linker
from shiomi.digest.linking.meaning import MEANING
from shiomi.digest.linking.pages import PAGE_FEATURES
from shiomi.digest.linking.title import normal_title
from shiomi.digest.linking.wording import load_wording, mark
from shiomi.digest.thread import Thread

__all__ = ["TieReason", "reasons"]

_NOTABLE = 0.3  # a group is a reason if it contributes at least these log odds
_EVENT = ("events_shared", "events_differ", "days_differ")
_PHRASING = (
    "one_future", "both_future", "one_comment", "both_comment", "one_not", "word_swapped",
    "one_version", "one_part",
)  # fmt: skip
_ADDRESS = (
    "same_ending", "slug_cosine", "slug_covered", "cross_cosine", "cross_covered", "cross_least",
    "whole_cosine", "own_least", "equal_but_own", "one_path", "path_shared",
)  # fmt: skip
_GROUPS = {
    "titles": ("logit", *(name for name in FEATURES if name != "hours"), "first_in_title",
               "equal_titles", "shortest", "short_inside"),
    "meaning": MEANING,
    "time": ("hours",),
    "addresses": _ADDRESS,
    "event": _EVENT,
    "phrasing": _PHRASING,
    "sites": tuple(set(PAGE_FEATURES) - {*_ADDRESS, *_EVENT, *_PHRASING, "first_in_title",
                                         "equal_titles", "shortest", "short_inside"}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TieReason:
    """The contribution of a group of features to the log odds of one story, compared with an
    average pair."""

    group: str  # "titles", "meaning", "addresses", "event", "phrasing", "sites" or "time"
    odds: float
    text: str  # English


def reasons(linker: Linker, a: Thread, b: Thread) -> tuple[TieReason, ...]:
    """Return the groups that influenced the judgement of two threads, the strongest first."""
    added = linker.contributions(a, b)
    found = [
        TieReason(group, round(odds, 2), _text(group, a, b, odds))
        for group, members in _GROUPS.items()
        if abs(odds := sum(added.get(name, 0.0) for name in members)) >= _NOTABLE
    ]
    return tuple(sorted(found, key=lambda reason: (-abs(reason.odds), reason.group)))


def _text(group: str, a: Thread, b: Thread, odds: float) -> str:
    if group == "time":
        return f"{abs(a.created - b.created) / 3600:.0f} h apart"
    text = _TEXTS[group][odds < 0]
    one, other = normal_title(a.title), normal_title(b.title)
    if group == "titles":
        common = sorted(word for word in {*one.split()} & {*other.split()} if len(word) > 2)
        return f"{text}; words in both: {', '.join(common) or 'none'}"
    if group == "event":
        both = _marks(one) & _marks(other)
        kinds = [name for bit, name in enumerate(load_wording().events) if both >> bit & 1]
        return f"{text}: {', '.join(kinds)}" if kinds else text
    return text


def _marks(text: str) -> int:
    return reduce(or_, map(mark, text.split()), 0)


_TEXTS = {  # two texts for each group: for one story, and against it
    "titles": ("the titles are alike", "the titles differ"),
    "addresses": (
        "the words of the addresses fit each other and the titles",
        "the words of the addresses do not fit each other or the titles",
    ),
    "event": ("the kinds of events fit", "the kinds of events, or their dates, differ"),
    "phrasing": (
        "neither is a comment, a forecast or another part alone",
        "one is a comment, a forecast, a denial, another part or version",
    ),
    "meaning": ("MiniLM finds the meaning alike", "MiniLM finds the meaning different"),
    "sites": (
        "two such sites often tell one story",
        "two such sites seldom tell one story",
    ),
}
