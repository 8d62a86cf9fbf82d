"""Collect from all enabled sources. Each source runs in its own thread. Only the calling thread
writes to the archive.

The archive also stores the state that an interrupted run needs to continue: the time window, the
source's cursor, the validators for conditional requests, and the time until which no request may be
sent to a host. This state is written in the same transaction as the threads.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points

import httpx2
import msgspec

from shiomi.digest.archive import Archive
from shiomi.digest.archive.outcomes import Outcome, OutcomeStore
from shiomi.digest.config import Config
from shiomi.digest.errors import ConfigError, DigestError, SourceError
from shiomi.digest.sources.arxiv import Arxiv
from shiomi.digest.sources.feed import Feed
from shiomi.digest.sources.hackernews import HackerNews
from shiomi.digest.sources.http import Http, StoppedError, new_client, user_agent
from shiomi.digest.sources.items import read_cursor
from shiomi.digest.sources.known_feeds import enabled_communities, feed_settings
from shiomi.digest.sources.lobsters import Lobsters
from shiomi.digest.sources.reddit import Reddit
from shiomi.digest.sources.reddit_feeds import RedditFeeds
from shiomi.digest.sources.source import Batch, Source
from shiomi.digest.thread import Thread

__all__ = ["CollectReport", "SourceReport", "collect", "enabled_sources"]

_DAY = 86400
_RESUMED = 6 * 3600  # seconds after which an interrupted run starts again, with new readings
_LONGEST_GAP = 60 * _DAY  # seconds; after a longer pause, older threads are skipped
_PATIENCE = 3.0  # after Ctrl-C, a source has this many seconds to end

Progress = Callable[[int, int | None, str], None]
"""Called with (threads so far, None, source) on the calling thread."""


@dataclass(slots=True)
class SourceReport:
    """The result of one source in a run."""

    name: str
    # threads from the source; a thread that the source sends twice is counted twice
    threads: int = 0
    new: int = 0
    changed: int = 0
    readings: int = 0  # new readings
    skipped: int = 0  # invalid items
    requests: int = 0
    seconds: float = 0.0
    error: str | None = None  # why the result is incomplete, and what to do


@dataclass(frozen=True, slots=True)
class CollectReport:
    """The result of a run."""

    sources: tuple[SourceReport, ...]
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The exit status. 0: all sources are complete; 1: all failed; 3: some failed; 130:
        interrupted."""
        failed = sum(source.error is not None for source in self.sources)
        if self.interrupted:
            return 130
        if not failed:
            return 0
        return 1 if failed == len(self.sources) else 3

    def text(self) -> str:
        """Return the report as text, with one line for each source."""
        lines = [
            f"{one.name}: {one.threads:,} threads ({one.new:,} new, {one.changed:,} changed), "
            f"{one.readings:,} readings, {one.requests:,} requests, {one.seconds:.0f} s"
            + (f", {one.skipped:,} unreadable items left out" if one.skipped else "")
            + (", not complete" if one.error else "")
            for one in self.sources
        ]
        if self.interrupted:
            lines.append("interrupted; `shiomi collect` goes on where this stopped")
        return "\n".join(lines) if lines else "no source is enabled in shiomi.toml"

    def failures(self) -> list[str]:
        """Return the reason and the remedy for each incomplete source."""
        return [f"failed: {one.error}" for one in self.sources if one.error]


class _RunState(msgspec.Struct, omit_defaults=True):
    """The state of a source's runs, kept in the archive."""

    done: int = 0  # the start of the last complete run
    since: int = 0  # start of the time window of the run in progress
    until: int = 0  # start of the run in progress; 0: no run is in progress
    cursor: str | None = None
    memory: str | None = None  # data that the source stores for its next run
    told: list[str] = []  # communities for which the run in progress has stored an outcome
    validators: dict[str, dict[str, str]] = {}
    validated: int = 0  # `since` of the run that stored the validators
    blocked: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that a source's thread sends to the calling thread. If `batch` is None, the source
    has ended."""

    name: str
    batch: Batch | None
    validators: dict[str, dict[str, str]]
    blocked: dict[str, float]
    error: str | None = None
    archived: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Worker:
    """One source at work."""

    source: Source
    http: Http
    run: _RunState
    report: SourceReport
    thread: threading.Thread | None = None
    ended: bool = False


@dataclass(slots=True)
class _Collecting:
    archive: Archive
    clock: Callable[[], float]
    progress: Progress
    # set: end after the current batch
    stop: threading.Event = field(default_factory=threading.Event)
    # set: nothing is archived any more
    closed: threading.Event = field(default_factory=threading.Event)
    sent: queue.Queue[_Sent] = field(default_factory=queue.Queue)
    workers: dict[str, _Worker] = field(default_factory=dict)


def enabled_sources(settings: Config) -> dict[str, Callable[[], Source]]:
    """Return a factory for each enabled source, by name. Raises ConfigError for an invalid
    [[feed]]."""
    config = settings.sources
    known: dict[str, tuple[bool, Callable[[], Source]]] = {
        "hackernews": (config.hackernews.enabled, lambda: HackerNews(config.hackernews)),
        "lobsters": (config.lobsters.enabled, lambda: Lobsters(config.lobsters)),
        "reddit": (
            config.reddit.enabled,
            lambda: (Reddit if config.reddit.client_id else RedditFeeds)(config.reddit),
        ),
        "arxiv": (config.arxiv.enabled, lambda: Arxiv(config.arxiv)),
    }
    made = {name: make for name, (enabled, make) in known.items() if enabled}
    for feed in settings.feed:
        one = feed_settings(feed)
        if one.name in made:
            raise ConfigError(f"two sources are named {one.name!r}; give this [[feed]] a `name`")
        made[one.name] = partial(Feed, one)
    for point in entry_points(group="shiomi.sources"):
        table = config.packages.get(point.name)
        if table is not None and table.get("enabled", True):
            made[point.name] = partial(_from_package, point, table)
    return made


def _from_package(point: EntryPoint, table: Mapping[str, object]) -> Source:
    """Return the source of an installed package, made from its table in shiomi.toml."""
    try:
        source: Source = point.load()(table)
    except DigestError:
        raise
    except Exception as error:
        raise SourceError(
            f"{point.name}: the package {point.value!r} could not make its source: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error
    return source


def collect(
    archive: Archive,
    config: Config,
    *,
    clock: Callable[[], float] = time.time,
    rng: random.Random | None = None,
    sleep: Callable[[float], object] | None = None,
    client: Callable[[], httpx2.Client] = new_client,
    progress: Progress = lambda *_: None,
    sources: Mapping[str, Callable[[], Source]] | None = None,
    only: Sequence[str] = (),
) -> CollectReport:
    """Ask every enabled source for new threads, and archive them batch by batch.

    If a source fails, the report names the source, and the other sources continue. Ctrl-C ends the
    run after the current batch; the next run resumes there. `client` is a function that returns the
    HTTP client for one source. `sources` replaces the configured sources. `only` names the sources
    to ask. Raises ArchiveError if the archive cannot be written. Raises ConfigError for an unknown
    name in `only`, and for a contact that cannot be part of a header.
    """
    rng = rng or random.Random()  # noqa: S311 - jitter, no secret
    agent = user_agent(config.collect.contact)
    work = _Collecting(archive, clock, progress)
    pause = sleep or work.stop.wait  # this wait ends after Ctrl-C
    reports: list[SourceReport] = []
    made = _chosen(enabled_sources(config) if sources is None else sources, only)
    for name, make in made.items():
        report = SourceReport(name)
        reports.append(report)
        run = _next_run(archive.cursor(name), int(clock()), config.collect.days)
        try:
            source = make()
        except DigestError as error:
            report.error = str(error)
            communities = [one for one, of in enabled_communities(config).items() if of == name]
            failed = [Outcome(one, error=str(error)) for one in communities or [name]]
            OutcomeStore(archive).record(name, int(clock()), failed)
            continue
        http = Http(
            name, client(), agent, clock, pause, random.Random(rng.random()),  # noqa: S311
            manners=source.manners, budget_seconds=config.collect.budget_seconds,
            contact=config.collect.contact, stopped=work.stop.is_set,
            validators=run.validators, blocked=run.blocked,
        )  # fmt: skip
        work.workers[name] = _Worker(source, http, run, report)
    try:
        interrupted = _supervise(work)
    finally:
        work.stop.set()
        work.closed.set()
        for worker in work.workers.values():
            worker.http.client.close()
    return CollectReport(tuple(reports), interrupted)


def _chosen(
    made: Mapping[str, Callable[[], Source]], only: Sequence[str]
) -> Mapping[str, Callable[[], Source]]:
    for name in only:
        if name not in made:
            raise ConfigError(
                f"source {name!r} is not enabled in shiomi.toml; enabled: {', '.join(made) or '-'}"
            )
    return {name: make for name, make in made.items() if not only or name in only}


def _next_run(stored: str | None, now: int, days: int) -> _RunState:
    """Return the next run: the rest of an interrupted run, or a run with a new time window.

    A new window goes back `days`, so that the counts of young threads are read again. If the last
    complete run was before that, the window goes back to the last complete run.
    """
    run = read_cursor(stored, _RunState) or _RunState()
    if run.until and run.cursor and 0 <= now - run.until < _RESUMED:
        return run
    since = max(0, now - days * _DAY)
    if run.done:
        since = max(0, min(since, run.done - _DAY), now - _LONGEST_GAP)
    # a page that has not changed may contain threads that the earlier run left out as too old
    if since < run.validated:
        run.validators = {}
    run.since, run.until, run.cursor, run.told = since, now, run.memory, []
    return run


def _supervise(work: _Collecting) -> bool:
    """Start the workers and archive their batches until all have ended. Return True after
    Ctrl-C."""
    interrupted = False
    given_up = float("inf")
    for worker in work.workers.values():
        # A thread may hang while it connects to a host. As a daemon thread, it does not keep the
        # program from ending.
        worker.thread = threading.Thread(
            target=_work, args=(work, worker), name=worker.source.name, daemon=True
        )
    at_hand: _Sent | None = None
    while not all(worker.ended for worker in work.workers.values()):
        try:
            if not interrupted:
                _start(work)
            if at_hand is None:
                if time.monotonic() > given_up:
                    break
                at_hand = work.sent.get(timeout=0.2 if interrupted else 60.0)
            # repeated if it was interrupted; archiving twice changes nothing
            _archive(work, at_hand)
            at_hand.archived.set()
            at_hand = None
        except queue.Empty:
            continue
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            given_up = time.monotonic() + _PATIENCE
            work.stop.set()
            for worker in work.workers.values():
                worker.http.abort()
    for worker in work.workers.values():
        if not worker.ended:
            worker.report.error = f"{worker.source.name}: interrupted while waiting for an answer"
    return interrupted


def _start(work: _Collecting) -> None:
    """Start the remaining workers. Ctrl-C during a start raises KeyboardInterrupt as usual."""
    for worker in work.workers.values():
        if worker.thread is not None and worker.thread.ident is None:
            worker.thread.start()


def _work(work: _Collecting, worker: _Worker) -> None:
    """Run one source in its thread. Send each batch, and at the end the outcome of the source."""
    started = work.clock()
    name, http, run = worker.report.name, worker.http, worker.run
    error: str | None = None
    try:
        for batch in worker.source.collect(http, run.since, run.until, run.cursor):
            _send(work, _Sent(name, batch, dict(http.validators), http.waits()))
            if work.stop.is_set():
                raise StoppedError(f"{name}: interrupted; collecting again goes on from here")
    except DigestError as failure:
        error = http.redact(str(failure))
    except Exception as failure:  # a fault in one source must not stop the others
        error = (
            f"{name}: a fault in shiomi, please report it: {type(failure).__name__}: "
            f"{http.redact(str(failure))[:300]}"
        )
    worker.report.requests = http.requests
    worker.report.seconds = max(0.0, work.clock() - started)
    _send(work, _Sent(name, None, dict(http.validators), http.waits(), error))


def _send(work: _Collecting, sent: _Sent) -> None:
    """Send a batch to the calling thread, and wait until it is archived."""
    work.sent.put(sent)
    while not (sent.archived.wait(0.2) or work.closed.is_set()):
        pass


def _archive(work: _Collecting, sent: _Sent) -> None:
    """Write a batch that a source sent. Threads and cursor are written in one transaction."""
    worker = work.workers[sent.name]
    run, report = worker.run, worker.report
    if sent.batch is not None:
        run = msgspec.structs.replace(
            run,
            cursor=sent.batch.cursor,
            memory=run.memory if sent.batch.memory is None else sent.batch.memory,
            validators=sent.validators,
            validated=run.since,
            blocked=sent.blocked,
            told=sorted({*run.told, *(outcome.community for outcome in sent.batch.outcomes)}),
        )
        with work.archive.transaction():
            threads = _titled(work.archive, sent.batch.threads)
            now = int(work.clock())
            added = work.archive.add(threads, seen=now)
            collected = now if sent.batch.threads else None  # an empty batch may report a failure
            work.archive.set_cursor(
                sent.name, msgspec.json.encode(run).decode(), collected=collected
            )
            if sent.batch.outcomes:
                OutcomeStore(work.archive).record(sent.name, now, sent.batch.outcomes)
        worker.run = run
        report.threads += len(sent.batch.threads)
        report.new += added.new
        report.changed += added.changed
        report.readings += added.readings
        report.skipped += sent.batch.skipped
        work.progress(report.threads, None, sent.name)
        return
    _finish(work, worker, sent)


def _finish(work: _Collecting, worker: _Worker, sent: _Sent) -> None:
    """Store the outcome of a source that has ended."""
    run, report, now = worker.run, worker.report, int(work.clock())
    outcomes = [
        Outcome(community, since=None if sent.error else run.since, error=sent.error)
        for community in worker.source.communities
        if community not in run.told
    ]
    if sent.error is None:
        run = msgspec.structs.replace(run, done=run.until, since=0, until=0, cursor=None)
    run = msgspec.structs.replace(run, blocked=sent.blocked)
    with work.archive.transaction():
        work.archive.set_cursor(
            sent.name, msgspec.json.encode(run).decode(), collected=None if sent.error else now
        )
        if not work.stop.is_set():  # an interruption is not a failure
            OutcomeStore(work.archive).record(sent.name, now, outcomes)
    report.error = sent.error
    worker.ended = True


def _titled(archive: Archive, threads: Sequence[Thread]) -> list[Thread]:
    """Return the threads, with a missing title replaced by the known title. Threads without any
    title are left out."""
    gone = archive.get_many(thread.uid for thread in threads if not thread.title)
    return [
        replace(thread, title=gone[thread.uid].title) if not thread.title else thread
        for thread in threads
        if thread.title or thread.uid in gone
    ]
