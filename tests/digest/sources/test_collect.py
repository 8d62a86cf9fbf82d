"""Collecting: several sources at once into one archive."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.config import (
    ArxivConfig,
    CollectConfig,
    Config,
    HackerNewsConfig,
    LobstersConfig,
    RedditConfig,
    SourcesConfig,
)
from shiomi.digest.errors import ArchiveError, ConfigError, SourceError
from shiomi.digest.sources.collect import CollectReport, collect, enabled_sources
from shiomi.digest.sources.http import Http, new_client
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.source import Batch, Source
from shiomi.digest.thread import Reading, Thread, ThreadState

from .community import Asked, Community, Reply, html, json_reply

DAY = 86400


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive.open(":memory:") as opened:
        yield opened


@dataclass
class Counted:
    """A source whose threads are numbers; it may fail, or call something, before a number."""

    name: str = "counted"
    numbers: int = 10
    fail_before: int | None = None
    error: Exception = field(default_factory=lambda: SourceError("counted: no answer; wait"))
    before: Callable[[int], None] = lambda number: None
    title: str = "Thread"
    windows: list[tuple[int, int, str | None]] = field(default_factory=list)
    manners: Manners = field(default_factory=Manners)

    @property
    def communities(self) -> tuple[str, ...]:
        return (self.name,)

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        self.windows.append((since, until, cursor))
        for number in range(int(cursor or 0), self.numbers):
            self.before(number)
            if number == self.fail_before:
                raise self.error
            thread = Thread(
                self.name, str(number), f"{self.title} {number}", 1000 + number, "https://x.org/",
                readings=(Reading(http.now(), number, None),),
            )  # fmt: skip
            yield Batch((thread,), str(number + 1))


def run(archive: Archive, community: Community, *sources: Source, **more: Any) -> CollectReport:
    made = {source.name: functools.partial(lambda one: one, source) for source in sources}
    more.setdefault("config", Config())
    return collect(
        archive,
        more.pop("config"),
        clock=community.clock,
        sleep=community.clock.sleep,
        client=functools.partial(new_client, trust_env=False),
        sources=made,
        **more,
    )


def ids(archive: Archive, community: str = "counted") -> list[str]:
    return [thread.id for thread in archive.threads(0, 2**40, community=community)]


def test_everything_a_source_gives_is_archived(archive: Archive, community: Community) -> None:
    report = run(archive, community, Counted())
    assert ids(archive) == [str(number) for number in range(10)]
    (one,) = report.sources
    assert (one.threads, one.new, one.changed, one.readings, one.error) == (10, 10, 0, 10, None)
    assert report.exit_code == 0


def test_a_failing_source_stops_no_other_and_is_named_with_reason_and_remedy(
    archive: Archive, community: Community
) -> None:
    report = run(
        archive,
        community,
        Counted("a", fail_before=0),
        Counted("b"),
        Counted("c", fail_before=5, error=ZeroDivisionError("oh")),
    )
    assert len(ids(archive, "b")) == 10
    assert len(ids(archive, "c")) == 5
    assert [one.error for one in report.sources] == [
        "counted: no answer; wait",
        None,
        "c: a fault in shiomi, please report it: ZeroDivisionError: oh",
    ]
    assert report.exit_code == 3
    assert "failed: counted: no answer; wait" in str(report.failures())


def test_a_source_that_failed_was_not_collected_now(archive: Archive, community: Community) -> None:
    begun = int(community.clock.now)
    run(archive, community, Counted("a", numbers=1))
    community.clock.now += DAY
    run(archive, community, Counted("a", fail_before=0), Counted("b", numbers=0), Counted("c"))
    run(archive, community, Counted("d", fail_before=0))
    collected = {one.source: one.collected for one in archive.status().sources}
    assert collected == {"a": begun, "b": begun + DAY, "c": begun + DAY, "d": None}


@pytest.mark.parametrize("days", [10**12, 10**30])
def test_more_days_than_there_were_are_all_there_were(
    archive: Archive, community: Community, days: int
) -> None:
    source = Counted()
    config = Config(collect=CollectConfig(days=days))
    assert run(archive, community, source, config=config).exit_code == 0
    assert source.windows[0][0] == 0


def test_a_source_that_cannot_be_made_stops_no_other(
    archive: Archive, community: Community
) -> None:
    def unmakeable() -> Source:
        raise SourceError("arxiv: 'x y' is no category")

    report = collect(
        archive, Config(), clock=community.clock, sources={"arxiv": unmakeable, "counted": Counted}
    )
    assert [one.error for one in report.sources] == ["arxiv: 'x y' is no category", None]


def test_when_every_source_fails_the_exit_code_says_so(
    archive: Archive, community: Community
) -> None:
    assert run(archive, community, Counted(fail_before=0)).exit_code == 1
    assert run(archive, community).exit_code == 0


def test_an_interrupted_run_goes_on_after_its_last_batch(
    archive: Archive, community: Community
) -> None:
    run(archive, community, Counted(fail_before=4))
    community.clock.now += 600
    source = Counted()
    run(archive, community, source)
    assert source.windows[0][2] == "4"
    assert source.windows[0][1] == community.clock.now - 600
    assert len(ids(archive)) == 10


def test_a_source_that_ends_with_an_error_after_its_end_is_begun_anew(
    archive: Archive, community: Community
) -> None:
    class Incomplete(Counted):
        def collect(self, http: Http, since: int, *_: object) -> Iterator[Batch]:
            self.windows.append((since, 0, None))
            yield Batch((), "")
            raise SourceError("r/secret is private")

    source = Incomplete()
    first = community.clock.now
    for _ in range(3):
        assert run(archive, community, source).exit_code == 1
        community.clock.now += 60
    assert [since for since, _, _ in source.windows] == [first - 8 * DAY + n for n in (0, 60, 120)]


def test_a_run_interrupted_long_ago_is_begun_anew(archive: Archive, community: Community) -> None:
    run(archive, community, Counted(fail_before=4))
    community.clock.now += DAY
    source = Counted()
    run(archive, community, source)
    assert source.windows[0] == (community.clock.now - 8 * DAY, community.clock.now, None)


def test_after_a_long_pause_the_gap_is_closed(archive: Archive, community: Community) -> None:
    run(archive, community, Counted())
    ended = community.clock.now
    for pause, since in ((20 * DAY, ended - DAY), (200 * DAY, ended + 140 * DAY)):
        source = Counted(fail_before=0)
        community.clock.now = ended + pause
        run(archive, community, source)
        assert source.windows[0][0] == since


def test_collecting_the_same_again_changes_nothing_but_readings(
    archive: Archive, community: Community
) -> None:
    run(archive, community, Counted())
    before = {thread.uid: thread for thread in archive.threads(0, 2**40)}
    report = run(archive, community, Counted())
    (one,) = report.sources
    assert (one.new, one.changed, one.readings) == (0, 0, 0)
    assert {thread.uid: thread for thread in archive.threads(0, 2**40)} == before
    community.clock.now += 60
    report = run(archive, community, Counted())
    assert (report.sources[0].new, report.sources[0].readings) == (0, 10)
    assert len(next(archive.threads(0, 2**40)).readings) == 2


def test_a_thread_whose_title_is_gone_keeps_the_one_it_had(
    archive: Archive, community: Community
) -> None:
    class Deleting(Counted):
        def collect(
            self, http: Http, since: int, until: int, cursor: str | None
        ) -> Iterator[Batch]:
            gone = [
                Thread("counted", number, "", 1003, "https://x.org/", state=ThreadState.DELETED)
                for number in ("3", "77")
            ]
            yield Batch(tuple(gone), "")

    run(archive, community, Counted())
    community.clock.now += 60
    run(archive, community, Deleting())
    thread = archive.thread("counted:3")
    assert thread is not None
    assert (thread.title, thread.state) == ("Thread 3", ThreadState.DELETED)
    assert archive.thread("counted:77") is None  # never seen before it was deleted


def test_only_the_named_sources_are_asked(archive: Archive, community: Community) -> None:
    report = run(archive, community, Counted("a"), Counted("b"), only=["b"])
    assert [one.name for one in report.sources] == ["b"]
    with pytest.raises(ConfigError, match="'c' is not enabled"):
        run(archive, community, Counted("a"), only=["c"])


def test_progress_is_told_on_the_calling_thread(archive: Archive, community: Community) -> None:
    told: list[tuple[int, int | None, str, int]] = []
    run(
        archive,
        community,
        Counted("a", numbers=3),
        progress=lambda done, total, what: told.append((done, total, what, threading.get_ident())),
    )
    assert told == [(number, None, "a", threading.get_ident()) for number in (1, 2, 3)]


def test_ctrl_c_ends_the_run_without_loss(archive: Archive, community: Community) -> None:
    def interrupt(number: int) -> None:
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with contextlib.closing(archive):
        report = run(archive, community, Counted(numbers=10_000, before=interrupt))
        assert report.interrupted
        assert report.exit_code == 130
        assert "interrupted" in report.text()
        kept = len(ids(archive))
        assert 5 <= kept < 10_000
        source = Counted(numbers=kept + 3)
        assert run(archive, community, source).exit_code == 0
        assert source.windows[0][2] == str(kept)
        assert len(ids(archive)) == kept + 3


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(
    archive: Archive, community: Community
) -> None:
    class Hanging(Counted):
        def collect(
            self, http: Http, since: int, until: int, cursor: str | None
        ) -> Iterator[Batch]:
            http.get(f"{community.url}/hangs")
            yield Batch((), "")

    def hang(asked: Asked) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply(drip_head=0.05)

    community.routes["/hangs"] = hang
    report = run(archive, community, Hanging())
    assert report.interrupted
    assert report.sources[0].error is not None


def test_an_archive_that_cannot_be_written_ends_the_run(community: Community) -> None:
    with Archive.open(":memory:") as archive:
        archive.database.execute("PRAGMA query_only = ON")
        with pytest.raises(ArchiveError):
            run(archive, community, Counted())


def test_a_cursor_is_kept_in_the_same_transaction_as_its_threads(
    archive: Archive, community: Community
) -> None:
    archive.database.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON main.thread WHEN new.id = '4'"
        " BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with pytest.raises(ArchiveError, match="no room"):
        run(archive, community, Counted())
    archive.database.execute("DROP TRIGGER full")
    source = Counted()
    run(archive, community, source)
    assert source.windows[0][2] == "4"
    assert len(ids(archive)) == 10


def test_validators_outlive_the_run_and_fall_when_the_window_grows(
    archive: Archive, community: Community
) -> None:
    class Page(Counted):
        def collect(
            self, http: Http, since: int, until: int, cursor: str | None
        ) -> Iterator[Batch]:
            http.get(f"{community.url}/page", conditional=True)
            yield Batch((), "")

    def page(asked: Asked) -> Reply:
        known = asked.headers.get("if-none-match")
        return Reply(status=304) if known else json_reply([], ETag='"1"')

    community.routes["/page"] = page
    sent = []
    for days in (8, 8, 20):
        config = Config(collect=CollectConfig(days=days))
        run(archive, community, Page(), config=config)
        sent.append("if-none-match" in community.asked[-1].headers)
        community.clock.now += 60
    assert sent == [False, True, False]


def test_what_a_host_asked_for_is_kept_over_the_run(archive: Archive, community: Community) -> None:
    class Limited(Counted):
        def collect(
            self, http: Http, since: int, until: int, cursor: str | None
        ) -> Iterator[Batch]:
            http.get(f"{community.url}/limited")
            yield Batch((), "")

    community.routes["/limited"] = [json_reply({}, 429, Retry_After="4000"), json_reply({})]
    first = run(archive, community, Limited())
    again = run(archive, community, Limited())
    assert "answered 429" in str(first.sources[0].error)
    assert "asked to be left alone" in str(again.sources[0].error)
    assert len(community.asked) == 1
    community.clock.now += 4001
    assert run(archive, community, Limited()).exit_code == 0


def test_a_cursor_of_another_version_is_begun_anew(archive: Archive, community: Community) -> None:
    for stored in ("", "{", '{"until": "x"}', "null", '{"v": 99, "other": []}'):
        with archive.transaction():
            archive.set_cursor("counted", stored)
        source = Counted(numbers=1)
        assert run(archive, community, source).exit_code == 0
        assert source.windows[0][2] is None


def test_the_enabled_sources_are_those_of_the_configuration() -> None:
    assert list(enabled_sources(Config())) == ["hackernews", "lobsters", "reddit", "arxiv"]
    without = SourcesConfig(reddit=RedditConfig(enabled=False))
    assert "reddit" not in enabled_sources(Config(sources=without))


def test_four_communities_in_trouble_at_once_are_each_named(
    archive: Archive, community: Community
) -> None:
    """Everything real but the servers: the four sources, each with a fault of its own."""
    community.routes |= {
        "/hn/search/search_by_date": html("<h1>502 Bad Gateway</h1>", 502),
        "/hn/v0/topstories.json": json_reply([1]),
        "/hn/v0/beststories.json": json_reply([]),
        "/hn/v0/item/1.json": json_reply(
            {"id": 1, "type": "story", "time": int(community.clock.now) - 60, "score": 99,
             "title": "Still here", "descendants": 3}
        ),
        "/lobsters/newest.json": html("<!doctype html><title>Just a moment...</title>"),
        "/reddit/r/LocalLLaMA/new/.rss": html("<html><h1>whoa there, pardner!</h1>", 403),
        "/arxiv/query": Reply(reset=True),
    }  # fmt: skip
    at = community.url
    config = Config(
        sources=SourcesConfig(
            hackernews=HackerNewsConfig(endpoint=f"{at}/hn/v0", search_endpoint=f"{at}/hn/search"),
            lobsters=LobstersConfig(endpoint=f"{at}/lobsters"),
            reddit=RedditConfig(public_endpoint=f"{at}/reddit", subreddits=("LocalLLaMA",)),
            arxiv=ArxivConfig(endpoint=f"{at}/arxiv"),
        )
    )
    report = collect(
        archive,
        config,
        clock=community.clock,
        sleep=lambda seconds: None,
        client=functools.partial(new_client, trust_env=False),
    )
    errors = {one.name: one.error or "" for one in report.sources}
    assert "502 Bad Gateway" in errors["hackernews"]
    assert "Just a moment" in errors["lobsters"]
    assert "as feed_token" in errors["reddit"]
    assert "4 times" in errors["arxiv"] or "5 times" in errors["arxiv"]
    assert ids(archive, "hackernews") == ["1"]
    assert report.exit_code == 1
    assert msgspec.json.encode(report)  # --json prints it
