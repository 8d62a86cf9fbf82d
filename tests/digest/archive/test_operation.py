"""Outcomes, notices and leases: what an archive keeps of how Shiomi runs."""

from __future__ import annotations

from shiomi.digest.archive import Archive
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.archive.notices import NoticeStore
from shiomi.digest.archive.outcomes import Outcome, OutcomeStore


def test_covered_time_is_the_union_of_the_complete_readings(archive: Archive) -> None:
    store = OutcomeStore(archive)
    store.record("reddit", 100, [Outcome("reddit/a", "new", since=50)])
    store.record("reddit", 150, [Outcome("reddit/a", "new", since=90)])
    store.record("reddit", 300, [Outcome("reddit/a", "new", since=250)])
    store.record("reddit", 400, [Outcome("reddit/a", "new", error="answered 429")])
    store.record("reddit", 400, [Outcome("reddit/a", "top")])
    assert store.covered("reddit/a", 0, 1000, as_of=1000) == [(50, 150), (250, 300)]
    assert store.covered("reddit/a", 60, 280, as_of=1000) == [(60, 150), (250, 280)]
    assert store.covered("reddit/a", 0, 1000, as_of=200) == [(50, 150)]
    assert store.covered("reddit/b", 0, 1000, as_of=1000) == []
    assert store.last_error("reddit/a", 0, as_of=1000) == "answered 429"
    assert store.began() == 50


def test_a_feeds_state_counts_failures_since_the_last_success(archive: Archive) -> None:
    store = OutcomeStore(archive)
    for time, error in ((1, None), (2, "a"), (3, "b")):
        store.record("lobsters", time, [Outcome("lobsters", since=0, error=error)])
    store.record("arxiv", 3, [Outcome("arxiv", error="never read")])
    arxiv, lobsters = store.states()
    assert (lobsters.success, lobsters.failures, lobsters.error) == (1, 2, "b")
    assert (arxiv.source, arxiv.success, arxiv.failures) == ("arxiv", None, 1)


def test_a_notice_is_claimed_once_and_again_only_after_a_failure(archive: Archive) -> None:
    store = NoticeStore(archive)
    assert store.claim("digest 2026-11-22 to a", 1, attempts=2)
    assert not store.claim("digest 2026-11-22 to a", 2, attempts=2)  # perhaps interrupted
    assert store.interrupted() == ["digest 2026-11-22 to a"]
    store.settle("digest 2026-11-22 to a", sent=False)
    assert store.claim("digest 2026-11-22 to a", 3, attempts=2)
    store.settle("digest 2026-11-22 to a", sent=False)
    assert not store.claim("digest 2026-11-22 to a", 4, attempts=2)
    store.forget_all("digest 2026-11-22 ")
    assert store.claim("digest 2026-11-22 to a", 5, attempts=2)
    store.settle("digest 2026-11-22 to a", sent=True)
    assert not store.claim("digest 2026-11-22 to a", 6, attempts=2)


def test_a_lease_has_one_holder_until_it_ends_or_the_holder_is_gone(archive: Archive) -> None:
    store = LeaseStore(archive)
    assert store.take("run", "one", now=100, seconds=60) is None
    assert store.take("run", "two", now=110, seconds=60) == "one"
    assert store.take("run", "one", now=120, seconds=60) is None  # renewed
    assert store.take("run", "two", now=170, seconds=60) == "one"
    assert store.take("run", "two", now=181, seconds=60) is None
    assert store.take("run", "three", now=182, seconds=60, is_gone=lambda who: who == "two") is None
    assert store.take("run", "four", now=10, seconds=60) is None  # three's clock was ahead
    store.release("run", "three")
    assert store.take("run", "five", now=11, seconds=60) == "four"
    store.release("run", "four")
    assert store.take("run", "five", now=11, seconds=60) is None
