"""What a week lacks, from the outcomes of its collections."""

from __future__ import annotations

from datetime import date

from shiomi.digest.archive import Archive
from shiomi.digest.archive.freshness import read_freshness
from shiomi.digest.archive.gaps import week_gaps
from shiomi.digest.archive.outcomes import Outcome, OutcomeStore
from shiomi.digest.document import Gap
from shiomi.digest.week import Week

DAY = 86400
WEEK = Week(date(2026, 11, 22), "Asia/Tokyo")


def test_a_week_names_what_was_not_read_and_on_which_days(archive: Archive) -> None:
    store = OutcomeStore(archive)
    store.record("lobsters", WEEK.end, [Outcome("lobsters", since=WEEK.start - DAY)])
    early = WEEK.start + 3 * DAY
    store.record("reddit", early, [Outcome("reddit/a", "new", since=WEEK.start)])
    store.record("reddit", WEEK.end, [Outcome("reddit/a", "new", since=WEEK.end - DAY)])
    store.record("arxiv", WEEK.end, [Outcome("arxiv", error="answered 429")])
    enabled = ["lobsters", "reddit/a", "arxiv"]
    assert week_gaps(archive, enabled, WEEK, as_of=WEEK.end + 9) == (
        Gap("arxiv", tuple(f"2026-11-{n}" for n in range(16, 23)), True, "answered 429"),
        Gap("reddit/a", ("2026-11-19", "2026-11-20", "2026-11-21"), False, ""),
    )
    assert [gap.days for gap in week_gaps(archive, ["reddit/a"], WEEK, as_of=early)] == []


def test_a_week_before_the_first_collection_lacks_nothing(archive: Archive) -> None:
    assert week_gaps(archive, ["lobsters"], WEEK, as_of=WEEK.end) == ()
    first = WEEK.end + 30 * DAY
    OutcomeStore(archive).record("lobsters", first, [Outcome("lobsters", since=first - 8 * DAY)])
    assert week_gaps(archive, ["lobsters", "arxiv"], WEEK, as_of=first) == ()


def test_a_feed_is_stale_when_its_last_success_is_too_long_ago(archive: Archive) -> None:
    enabled = {"lobsters": "lobsters", "arxiv": "arxiv"}
    assert read_freshness(archive, enabled, now=100, stale_after=50) == ()
    OutcomeStore(archive).record("lobsters", 60, [Outcome("lobsters", since=0)])
    OutcomeStore(archive).record("lobsters", 90, [Outcome("lobsters", error="no answer")])
    arxiv, lobsters = read_freshness(archive, enabled, now=100, stale_after=50)
    assert (arxiv.success, arxiv.stale) == (None, True)
    assert (lobsters.success, lobsters.failures, lobsters.stale) == (60, 1, False)
    assert read_freshness(archive, enabled, now=111, stale_after=50)[1].stale
