"""The linter: which numbers of a written digest the archive contradicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec

from shiomi.digest.archive import Archive
from shiomi.digest.check.claims import Claim, Unit, Written, read_claims
from shiomi.digest.check.judging import Checked, Verdict, Window, counts_read, judge
from shiomi.digest.thread import Reading, Thread

__all__ = ["CheckReport", "check_digest"]

_SLACK = timedelta(days=1)  # a digest may be written a day around its date
_NEAR = timedelta(days=14)  # threads this old may be whose number it really is
_CLOCKS = {"UTC": 0, "GMT": 0, "JST": 9}  # hours; others only where they are the digest's own
_TELLING = 10  # numbers below are shared by too many threads to say whose they are


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All claims of one digest, in its order."""

    date: date | None
    threads: int  # linked by the digest
    known: int  # of those, in the archive
    checked: tuple[Checked, ...]
    notes: tuple[str, ...] = ()

    @property
    def contradicted(self) -> tuple[Checked, ...]:
        """The claims that are wrong."""
        return tuple(one for one in self.checked if one.verdict is Verdict.CONTRADICTED)

    @property
    def exit_code(self) -> int:
        """0 where nothing is contradicted, else 1."""
        return 1 if self.contradicted else 0

    def counts(self) -> dict[str, int]:
        """How many claims have which verdict."""
        return {
            verdict.value: sum(one.verdict is verdict for one in self.checked)
            for verdict in Verdict
        }

    def text(self, *, every: bool = False) -> str:
        """The report for a person: what is contradicted, or `every` claim, by line."""
        shown = self.checked if every else self.contradicted
        lines = [
            f"line {one.claim.line}: {one.verdict}: {one.claim.text!r}: {one.why}" for one in shown
        ]
        counts = ", ".join(f"{count} {name}" for name, count in self.counts().items())
        lines += [f"note: {note}" for note in self.notes]
        lines.append(
            f"{len(self.checked)} numbers: {counts}; {self.known} of {self.threads} linked threads"
            " are in the archive"
        )
        return "\n".join(lines)

    def json(self) -> str:
        """The report as JSON text."""
        document = {**msgspec.to_builtins(self), "counts": self.counts()}
        return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def check_digest(
    text: str, archive: Archive, *, on: date | None = None, zone: str = "Asia/Tokyo"
) -> CheckReport:
    """Hold every number of points or comments in a digest's Markdown against the archive.

    `on` is the digest's date where its heading does not say it; `zone` is where its days begin and
    its times of reading are told.
    """
    written = read_claims(text)
    return _Check(written, archive, written.date or on, ZoneInfo(zone)).report()


class _Check:
    def __init__(self, written: Written, archive: Archive, on: date | None, zone: ZoneInfo) -> None:
        self._written = written
        self._archive = archive
        self._on = on
        self._zone = zone
        self._threads: Mapping[str, Thread] = archive.get_many(written.uids)
        self._near: list[Thread] | None = None

    def report(self) -> CheckReport:
        first = [self._judge(claim) for claim in self._written.claims]
        checked = tuple(self._reconsider(one, first) for one in first)
        notes = []
        if self._on is None:
            notes.append("the digest has no date, so only numbers with a time can be contradicted")
        if not self._written.claims:
            notes.append("no number of points or comments was found")
        return CheckReport(
            self._on, len(self._written.uids), len(self._threads), checked, tuple(notes)
        )

    def _window(self, claim: Claim) -> Window:
        if claim.read is not None:
            moment = _moment(claim.read, claim.clock, self._zone)
            if moment is not None:
                length = 59 if ":" in claim.read else 86_399
                start = float("-inf") if claim.or_earlier else moment
                return Window(start, moment + length, stated=True)
        if self._on is None:
            return Window(float("-inf"), float("inf"), stated=False)
        midnight = datetime.combine(self._on, time(), self._zone)
        return Window(
            (midnight - _SLACK).timestamp(),
            (midnight + timedelta(days=1) + _SLACK).timestamp(),
            stated=False,
        )

    def _judge(self, claim: Claim) -> Checked:
        if claim.total:
            return Checked(claim, Verdict.UNKNOWN, "a total over threads is not checked")
        about = claim.about or self._titled(claim)
        if not about:
            named = f"a thread of {claim.community}" if claim.community else "its thread"
            return Checked(claim, Verdict.UNKNOWN, f"{named} is not linked")
        window = self._window(claim)
        judged = [judge(claim, uid, self._thread(uid), window) for uid in about]
        # Said of any of several threads, it is wrong only if wrong for each.
        order = [Verdict.CONFIRMED, Verdict.POSSIBLE, Verdict.UNKNOWN, Verdict.CONTRADICTED]
        return min(judged, key=lambda one: order.index(one.verdict))

    def _thread(self, uid: str) -> Thread | None:
        return self._threads.get(uid) or self._archive.thread(uid)

    def _titled(self, claim: Claim) -> tuple[str, ...]:
        """The one thread with the title quoted beside the number, where there is one."""
        if not claim.title or claim.community is None or claim.community == "reddit":
            return ()
        hits = self._archive.search(f'"{claim.title}"', limit=5, community=claim.community)
        same = [hit.thread.uid for hit in hits if _same_title(hit.thread.title, claim.title)]
        return tuple(same) if len(same) == 1 else ()

    def _reconsider(self, one: Checked, all_checked: Sequence[Checked]) -> Checked:
        """Whose number it really is, and what the number beside it tells of this one."""
        if one.uid is None or not one.claim.amount.exact or one.claim.amount.low < _TELLING:
            return one
        partner = _partner(one, all_checked)
        if one.verdict is Verdict.CONTRADICTED:
            return self._owned(one, partner, all_checked)
        if one.verdict is Verdict.CONFIRMED or partner is None or partner.uid != one.uid:
            return one
        if not partner.claim.amount.exact or partner.claim.amount.low < _TELLING:
            return one
        elsewhere = _pair_elsewhere(one, partner, all_checked)
        if elsewhere is None:
            return one
        doubtful = partner.verdict is Verdict.CONTRADICTED or self._contradicted_pair(
            one, partner, elsewhere
        )
        if not doubtful:
            return one
        return replace(
            one,
            verdict=Verdict.CONTRADICTED,
            why=f"{one.why}; but {partner.claim.text!r} and {one.claim.text!r} are the numbers that"
            f" line {elsewhere.claim.line} gives for {elsewhere.uid}",
            belongs_to=(elsewhere.uid,) if elsewhere.uid else (),
        )

    def _contradicted_pair(self, one: Checked, partner: Checked, other: Checked) -> bool:
        """Whether two numbers given for two threads rather are the other thread's.

        So it is where the readings around the digest's date show other numbers for this thread,
        and show these, or nothing, for the other.
        """
        window = self._window(one.claim)
        mine = [self._shows(one.uid, checked.claim, window) for checked in (one, partner)]
        others = self._shows(other.uid, other.claim, window)
        return False in mine and True not in mine and others is not False

    def _shows(self, uid: str | None, claim: Claim, window: Window) -> bool | None:
        """Whether readings in or after the window show the number; None where there are none."""
        thread = self._thread(uid) if uid else None
        values = [value for at, value, _ in counts_read(thread, claim.unit) if at >= window.start]
        return any(claim.amount.allows(v, v) for v in values) if values else None

    def _owned(
        self, one: Checked, partner: Checked | None, all_checked: Sequence[Checked]
    ) -> Checked:
        """A contradicted claim with the threads whose number it is."""
        said = [
            other
            for other in all_checked
            if other.uid not in (None, one.uid)
            and other.verdict is not Verdict.CONTRADICTED
            and (other.claim.unit, other.claim.amount) == (one.claim.unit, one.claim.amount)
        ]
        read = self._with_reading(one, partner)
        owners = tuple(dict.fromkeys([*read, *(str(other.uid) for other in said)]))[:3]
        if not owners:
            return one
        lines = ", ".join(str(other.claim.line) for other in said if other.uid in owners)
        why = f"{one.why}; that is the number of {', '.join(map(self._named, owners))}"
        return replace(one, why=why + (f" (line {lines})" if lines else ""), belongs_to=owners)

    def _with_reading(self, one: Checked, partner: Checked | None) -> list[str]:
        """Other threads that the archive read with this number, and its partner if it has one."""
        if self._near is None:
            self._near = [*self._threads.values()]
            if self._on is not None:
                end = datetime.combine(self._on, time(), self._zone) + timedelta(days=1) + _SLACK
                since = int((end - _NEAR).timestamp())
                self._near += self._archive.threads(since, int(end.timestamp()))
        wanted = {one.claim.unit: one.claim.amount}
        if partner is not None and partner.claim.amount.exact:
            wanted[partner.claim.unit] = partner.claim.amount
        return list(
            dict.fromkeys(
                thread.uid
                for thread in self._near
                if thread.uid != one.uid
                and any(_is(reading, wanted) for reading in thread.readings)
            )
        )

    def _named(self, uid: str) -> str:
        thread = self._thread(uid)
        return f"{uid} ({thread.title[:60]!r})" if thread else uid


def _moment(read: str, clock: str | None, zone: ZoneInfo) -> float | None:
    """Unix seconds of a stated time; None where it is no time, or on a clock not known here."""
    try:
        local = datetime.fromisoformat(read).replace(tzinfo=zone)
    except ValueError:
        return None
    if clock in (None, local.tzname(), f"UTC{local.tzname()}"):
        return local.timestamp()
    known = _CLOCKS.get(clock or "")
    if known is None:
        return None
    return local.replace(tzinfo=timezone(timedelta(hours=known))).timestamp()


def _same_title(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def _partner(one: Checked, all_checked: Iterable[Checked]) -> Checked | None:
    """The other count given beside it: of the same line and thread."""
    for other in all_checked:
        same_place = (other.claim.line, other.uid) == (one.claim.line, one.uid)
        if same_place and other.claim.unit is not one.claim.unit:
            return other
    return None


def _pair_elsewhere(
    one: Checked, partner: Checked, all_checked: Sequence[Checked]
) -> Checked | None:
    """Where the digest gives the same two numbers for another thread, not contradicted."""
    for other in all_checked:
        if other.uid in (None, one.uid) or other.verdict is Verdict.CONTRADICTED:
            continue
        if (other.claim.unit, other.claim.amount) != (one.claim.unit, one.claim.amount):
            continue
        beside = _partner(other, all_checked)
        if beside is not None and beside.claim.amount == partner.claim.amount:
            return other
    return None


def _is(reading: Reading, wanted: Mapping[Unit, object]) -> bool:
    counts = {Unit.POINTS: reading.points, Unit.COMMENTS: reading.comments}
    return all(
        counts[unit] is None or getattr(amount, "low", None) == counts[unit]
        for unit, amount in wanted.items()
    ) and any(counts[unit] is not None for unit in wanted)
