"""Find the thread that a number belongs to, by the other claims of the digest and by readings."""

from __future__ import annotations

from collections.abc import Iterable

from shiomi.digest.check.claims import Unit
from shiomi.digest.check.judging import Checked, Verdict
from shiomi.digest.check.numerals import Amount
from shiomi.digest.thread import Thread

__all__ = ["Ledger", "ReadNumbers", "telling"]

_MOST = 50  # claims kept for one number
_TELLING = 10  # smaller numbers occur in too many threads to identify a thread


class Ledger:
    """The judged claims of one digest."""

    def __init__(self, checked: Iterable[Checked]) -> None:
        self._beside: dict[tuple[int, str | None, Unit], Checked] = {}
        self._same: dict[tuple[Unit, Amount], dict[str, Checked]] = {}
        for one in checked:
            claim = one.claim
            self._beside.setdefault((claim.line, one.uid, claim.unit), one)
            if one.uid is not None and one.verdict is not Verdict.CONTRADICTED and telling(one):
                given = self._same.setdefault((claim.unit, claim.amount), {})
                if len(given) < _MOST:
                    given.setdefault(one.uid, one)

    def partner(self, one: Checked) -> Checked | None:
        """Return the claim of the other count (points or comments) in the same line for the same
        thread."""
        other = Unit.COMMENTS if one.claim.unit is Unit.POINTS else Unit.POINTS
        return self._beside.get((one.claim.line, one.uid, other))

    def elsewhere(self, one: Checked) -> list[Checked]:
        """Return the claims that state the same number for another thread and are not
        contradicted."""
        given = self._same.get((one.claim.unit, one.claim.amount), {})
        return [other for uid, other in given.items() if uid != one.uid]

    def pair_elsewhere(self, one: Checked, partner: Checked) -> Checked | None:
        """Return the claim that another thread has this number. Its line must also state the number
        of the partner."""
        for other in self.elsewhere(one):
            beside = self.partner(other)
            if beside is not None and beside.claim.amount == partner.claim.amount:
                return other
        return None


class ReadNumbers:
    """Pairs of points and comments, each with the threads that had them in one reading."""

    def __init__(self, threads: Iterable[Thread]) -> None:
        self._uids: dict[tuple[int, int], dict[str, None]] = {}
        for thread in threads:
            for reading in thread.readings:
                if reading.points is not None and reading.comments is not None:
                    pair = reading.points, reading.comments
                    self._uids.setdefault(pair, {})[thread.uid] = None

    def owners(self, one: Checked, partner: Checked | None) -> list[str]:
        """Return other threads with both numbers. One number alone does not identify a thread."""
        if partner is None or not telling(one) or not partner.claim.amount.exact:
            return []
        first, second = one.claim.amount.low, partner.claim.amount.low
        pair = (first, second) if one.claim.unit is Unit.POINTS else (second, first)
        return [uid for uid in self._uids.get(pair, {}) if uid != one.uid]


def telling(one: Checked) -> bool:
    """Return whether the claim states a single number, large enough that few threads share it."""
    return one.claim.amount.exact and one.claim.amount.low >= _TELLING
