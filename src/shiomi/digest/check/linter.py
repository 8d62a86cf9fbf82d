"""The linter: find the numbers of a written digest that the archive contradicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec

from shiomi.digest.archive import Archive
from shiomi.digest.check.claims import Claim, Written, read_claims
from shiomi.digest.check.facts import Difference, differing, misquoted
from shiomi.digest.check.judging import Checked, ReadingTime, Verdict, counts_read, judge
from shiomi.digest.check.owners import Ledger, ReadNumbers, telling
from shiomi.digest.thread import Thread

__all__ = ["CheckReport", "check_digest"]

_SLACK = timedelta(days=1)  # a digest may be written up to a day before or after its date
_NEAR = timedelta(days=14)  # a number may belong to other threads of at most this age
_CLOCKS = {"UTC": 0, "GMT": 0, "JST": 9}  # hours; other time zones only if the digest uses them


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All claims of one digest with their verdicts, in the order of the text."""

    date: date | None
    threads: int  # linked by the digest
    known: int  # how many of the linked threads are in the archive
    checked: tuple[Checked, ...]
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()  # facts besides counts

    @property
    def wrong(self) -> bool:
        """Return whether the archive contradicts any fact."""
        return bool(self.contradicted or self.differences)

    @property
    def contradicted(self) -> tuple[Checked, ...]:
        """Return the claims that the archive contradicts."""
        return tuple(one for one in self.checked if one.verdict is Verdict.CONTRADICTED)

    def counts(self) -> dict[str, int]:
        """Return the number of claims for each verdict."""
        return {
            verdict.value: sum(one.verdict is verdict for one in self.checked)
            for verdict in Verdict
        }

    def text(self, *, every: bool = False) -> str:
        """Return the report for a person: the contradicted claims, or `every` claim, ordered by
        line."""
        shown = self.checked if every else self.contradicted
        lines = [
            f"line {one.claim.line}: {one.verdict}: {one.claim.text!r}: {one.why}" for one in shown
        ]
        lines += [
            f"line {one.line}: contradicted: {one.text!r}: {one.why}" for one in self.differences
        ]
        counts = ", ".join(f"{count} {name}" for name, count in self.counts().items())
        lines += [f"note: {note}" for note in self.notes]
        others = f"; {len(self.differences)} other facts contradicted" if self.differences else ""
        lines.append(
            f"{len(self.checked)} numbers: {counts}; {self.known} of {self.threads} linked threads"
            f" are in the archive{others}"
        )
        return "\n".join(lines)

    def json(self) -> str:
        """Return the report as JSON text."""
        document = {**msgspec.to_builtins(self), "counts": self.counts()}
        return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def check_digest(
    text: str,
    archive: Archive,
    *,
    zone: str = "Asia/Tokyo",
    own: str | None = None,
) -> CheckReport:
    """Compare every number of points or comments in a digest's Markdown with the archive.

    `zone` is the time zone of the digest's days and times of reading. `own` is the archive's digest
    of the same week as Markdown. Facts other than counts are compared with `own`, and quotations
    are compared with the archive's passages.
    """
    written = read_claims(text)
    check = _Check(written, archive, ZoneInfo(zone))
    found = list(misquoted(text, archive.get_many(written.uids)))
    if own is not None:
        known = {(one.line, one.text) for one in found}
        found += [one for one in differing(text, own) if (one.line, one.text) not in known]
    found.sort(key=lambda one: one.line)
    report = check.report()
    if own is not None:
        # several threads may have this title; the archive's digest names the right one
        same, lines = frozenset(own.splitlines()), text.splitlines()
        report = replace(
            report,
            checked=tuple(
                replace(one, verdict=Verdict.POSSIBLE, why="the archive's digest states the same")
                if one.verdict is Verdict.CONTRADICTED and lines[one.claim.line - 1] in same
                else one
                for one in report.checked
            ),
        )
    told = [(one.claim.line, one.claim.text) for one in report.contradicted]
    others = (x for x in found if not any(x.line == at and x.text in text for at, text in told))
    return replace(report, differences=tuple(others))


class _Check:
    def __init__(self, written: Written, archive: Archive, zone: ZoneInfo) -> None:
        self._written = written
        self._archive = archive
        self._on = written.date
        self._zone = zone
        self._threads: dict[str, Thread] = archive.get_many(written.uids)
        self._linked = len(self._threads)
        self._by_title: dict[tuple[str, str], tuple[str, ...]] = {}
        self._numbers: ReadNumbers | None = None

    def report(self) -> CheckReport:
        first = [self._judge(claim) for claim in self._written.claims]
        ledger = Ledger(first)
        checked = tuple(self._reconsider(one, ledger) for one in first)
        notes = []
        if self._on is None:
            notes.append("the digest has no date, so only numbers with a time can be contradicted")
        if not self._written.claims:
            notes.append("no number of points or comments was found")
        if self._written.skipped:
            lines = ", ".join(map(str, self._written.skipped[:10]))
            notes.append(f"not read, because longer than any sentence: line {lines}")
        return CheckReport(self._on, len(self._written.uids), self._linked, checked, tuple(notes))

    def _window(self, claim: Claim) -> ReadingTime:
        if claim.read is not None:
            moment = _moment(claim.read, claim.clock, self._zone)
            if moment is not None:
                length = 59 if ":" in claim.read else 86_399
                start = float("-inf") if claim.or_earlier else moment
                return ReadingTime(start, moment + length, stated=True)
        if self._on is None:
            return ReadingTime(float("-inf"), float("inf"), stated=False)
        midnight = datetime.combine(self._on, time(), self._zone)
        return ReadingTime(
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
        judged = [judge(claim, uid, self._threads.get(uid), window) for uid in about]
        # If a claim may be about several threads, it is wrong only if it is wrong for each of them.
        order = [Verdict.CONFIRMED, Verdict.POSSIBLE, Verdict.UNKNOWN, Verdict.CONTRADICTED]
        return min(judged, key=lambda one: order.index(one.verdict))

    def _titled(self, claim: Claim) -> tuple[str, ...]:
        """Return the thread whose title is quoted next to the number; () unless exactly one has
        it."""
        if not claim.title or claim.community is None or claim.community == "reddit":
            return ()
        key = claim.title, claim.community
        if key not in self._by_title:
            hits = self._archive.search(f'"{claim.title}"', limit=50, community=claim.community)
            known = [one for one in self._threads.values() if one.community == claim.community]
            every = {one.uid: one for one in (*known, *(hit.thread for hit in hits))}
            same = [one for one in every.values() if _same_title(one.title, claim.title)]
            found = same if len(same) == 1 else []
            self._threads.update((thread.uid, thread) for thread in found)
            self._by_title[key] = tuple(thread.uid for thread in found)
        return self._by_title[key]

    def _reconsider(self, one: Checked, ledger: Ledger) -> Checked:
        """Use the other count in the same line to find the thread that a number belongs to."""
        if one.uid is None or not telling(one):
            return one
        partner = ledger.partner(one)
        if one.verdict is Verdict.CONTRADICTED:
            return self._owned(one, partner, ledger)
        if one.verdict is Verdict.CONFIRMED or partner is None or not telling(partner):
            return one
        elsewhere = ledger.pair_elsewhere(one, partner)
        if elsewhere is None:
            return one
        wrong = partner.verdict is Verdict.CONTRADICTED
        if not wrong and not self._rather_of(elsewhere, one, partner):
            return one
        return replace(
            one,
            verdict=Verdict.CONTRADICTED,
            why=f"{one.why}; but {partner.claim.text!r} and {one.claim.text!r} are the numbers that"
            f" line {elsewhere.claim.line} gives for {elsewhere.uid}",
            belongs_to=(str(elsewhere.uid),),
        )

    def _rather_of(self, other: Checked, one: Checked, partner: Checked) -> bool:
        """Return whether the two numbers belong to another thread.

        They do if both conditions are true. The readings around the digest's date show other
        numbers for this thread. For the other thread, the readings show these two numbers, or
        there are no readings.
        """
        window = self._window(one.claim)
        mine = [self._shows(one.uid, checked.claim, window) for checked in (one, partner)]
        others = self._shows(other.uid, other.claim, window)
        return False in mine and True not in mine and others is not False

    def _shows(self, uid: str | None, claim: Claim, window: ReadingTime) -> bool | None:
        """Return whether a reading in or after the window shows the number; None without such a
        reading."""
        thread = self._threads.get(uid) if uid else None
        values = [value for at, value, _ in counts_read(thread, claim.unit) if at >= window.start]
        return any(claim.amount.allows(v, v) for v in values) if values else None

    def _owned(self, one: Checked, partner: Checked | None, ledger: Ledger) -> Checked:
        """Return the contradicted claim, with the threads that have this number added."""
        said = {str(other.uid): other for other in ledger.elsewhere(one)}
        owners = tuple(dict.fromkeys([*self._read_numbers().owners(one, partner), *said]))[:3]
        if not owners:
            return one
        lines = ", ".join(str(said[uid].claim.line) for uid in owners if uid in said)
        why = f"{one.why}; that is the number of {', '.join(map(self._named, owners))}"
        return replace(one, why=why + (f" (line {lines})" if lines else ""), belongs_to=owners)

    def _read_numbers(self) -> ReadNumbers:
        if self._numbers is None:
            near = list(self._threads.values())
            if self._on is not None:
                end = datetime.combine(self._on, time(), self._zone) + timedelta(days=1) + _SLACK
                since = int((end - _NEAR).timestamp())
                around = list(self._archive.threads(since, int(end.timestamp())))
                self._threads.update((thread.uid, thread) for thread in around)
                near += around
            self._numbers = ReadNumbers(near)
        return self._numbers

    def _named(self, uid: str) -> str:
        thread = self._threads.get(uid)
        return f"{uid} ({thread.title[:60]!r})" if thread else uid


def _moment(read: str, clock: str | None, zone: ZoneInfo) -> float | None:
    """Return a stated time in Unix seconds; None if it is not a time or its time zone is
    unknown."""
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
