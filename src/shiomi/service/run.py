"""`shiomi run`: one process that collects on a schedule, makes and publishes digests, and notifies.

The main thread does one task after the other. The due tasks are computed from the clock and the
archive, so a crash loses nothing. If a digest was due while the process was not running, it is made
at the next start.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType

import httpx2

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.freshness import Freshness, read_freshness
from shiomi.digest.archive.outcomes import OutcomeStore
from shiomi.digest.config import Config, holds_secret, load_config
from shiomi.digest.document import Digest
from shiomi.digest.errors import ConfigError, DigestError
from shiomi.digest.pipeline import link_new, make_digest, site_files
from shiomi.digest.publishing import publish
from shiomi.digest.sources.articles import fetch_articles
from shiomi.digest.sources.collect import CollectReport, collect
from shiomi.digest.sources.http import new_client
from shiomi.digest.sources.known_feeds import enabled_communities
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, TopicProgress
from shiomi.service.lease import holding
from shiomi.service.log import LOG, log_to
from shiomi.service.notify import Sender, check_addresses, notify, send_by_apprise
from shiomi.service.probes import Snapshot, probes
from shiomi.service.schedule import latest_slot, slots, week_of_slot

__all__ = ["Service", "run"]

_TICK = 30.0  # seconds between two checks of the clock
_PROMPT = 6 * 3600  # seconds; a digest made within this time uses no reading after its due time
_MISSED = 60 * 86400  # seconds; a digest that was due longer ago than this is not made any more
_RETRY = 3600  # seconds until a failed digest is tried again
_TELLING = 60.0  # seconds between two log lines about a topic in progress
_JUMP = 120.0  # a clock change of more than this many seconds is logged


@dataclass
class Service:
    """A running instance. The clock, the wait and the sender are passed in."""

    path: Path  # path of shiomi.toml
    config: Config
    clock: Callable[[], float] = time.time
    wait: Callable[[float], object] | None = None  # seconds between two checks of the clock
    # for the HTTP client of the sources; None: the real sleep
    sleep: Callable[[float], object] | None = None
    send: Sender = send_by_apprise
    client: Callable[[], httpx2.Client] = new_client
    snapshot: Snapshot = field(default_factory=Snapshot)
    stopping: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)
    _interruptible: bool = False
    _first_round: bool = True
    # last days of the weeks whose digest is not published, although it may be finished
    _unpublished: set[str] = field(default_factory=set)
    _collected: int | None = None  # time of the last collection; None: read it from the archive
    # week of a failed digest → time of the next attempt
    _failed: dict[Week, int] = field(default_factory=dict)
    _clocks: tuple[float, float] = (0.0, 0.0)
    _archive: Archive | None = None  # stays open between two rounds
    _told: float = 0.0  # time of the last log line about the model's progress

    def loop(self, *, once: bool = False) -> None:
        """Do due tasks until stopped. With `once`, do only the tasks that are due now."""
        try:
            while not self.stopping.is_set():
                self._look_at_the_clock()
                if self.reload.is_set():
                    self.reload.clear()
                    self._read_settings()
                self._act()
                if once:
                    return
                if not self.stopping.is_set():
                    (self.wait or self._wait)(_TICK)
        finally:
            self._close()

    def _wait(self, seconds: float) -> None:
        """Wait until the time is over or a signal arrives.

        The wait is interrupted every second. The kernel may deliver a second signal to another
        thread, and Python runs the signal handler only in the main thread, and only when the main
        thread wakes.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.stopping.wait(1.0) or self.reload.is_set():
                return

    def stop(self, *_: object) -> None:
        """Stop when the current request, part of a digest, or message is finished."""
        self.stopping.set()
        if self._interruptible:
            raise KeyboardInterrupt

    def _act(self) -> None:
        """Do all due tasks once. With this order of the tasks, a crash loses nothing.

        The archive stays open until a round fails. So the titles that were indexed for linking stay
        in memory.
        """
        try:
            if self._archive is None:
                self._archive = Archive.open(self.config.archive)
            archive = self._archive
            self._publish_rest(archive)
            prompt = self._due_digests(archive, late=False)
            self._make(archive, prompt)
            if not self.stopping.is_set() and self._collecting_is_due(archive):
                self._collect(archive)
            if not self.stopping.is_set():
                self._make(archive, self._due_digests(archive, late=True))
            self._tell(archive)
        except DigestError as error:
            self._close()
            LOG.error("this round failed; it is tried again", extra={"error": str(error)})

    def _close(self) -> None:
        """Close the archive. The next round opens it again."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    # Collecting

    def _collecting_is_due(self, archive: Archive) -> bool:
        slot = latest_slot(self.config.schedule.collect, self.config.timezone, int(self.clock()))
        if self._collected is None:
            cursor = archive.cursor("run: collected")
            self._collected = int(cursor) if cursor and cursor.isdigit() else 0
        # If the stored time is later than now, the clock was wrong then.
        return slot is not None and (slot > self._collected or self._collected > self.clock())

    def _collect(self, archive: Archive) -> None:
        now = int(self.clock())
        slot = latest_slot(self.config.schedule.collect, self.config.timezone, now) or now
        LOG.info("collecting")
        options = {"clock": self.clock, "sleep": self.sleep, "client": self.client}
        with self._interruptible_part() as part:
            self._end_if_stopping()
            report = collect(archive, self.config, progress=self._sign_of_life, **options)  # type: ignore[arg-type]
            self._log(report)
            if not report.interrupted and not self.stopping.is_set():
                articles, _ = fetch_articles(
                    archive,
                    self.config,
                    progress=self._sign_of_life,
                    **options,  # type: ignore[arg-type]
                )
                self._log(articles)
                if not articles.interrupted:
                    part.done = True
        if part.done:
            with archive.transaction():
                archive.set_cursor("run: collected", str(slot))
            self._collected = slot
            link_new(archive, self.config, progress=self._sign_of_life)

    def _log(self, report: CollectReport) -> None:
        requests = dict(self.snapshot.requests)
        for one in report.sources:
            requests[one.name] = requests.get(one.name, 0) + one.requests
            values = {
                "source": one.name, "threads": one.threads, "new": one.new,
                "readings": one.readings, "requests": one.requests, "seconds": round(one.seconds),
            }  # fmt: skip
            if one.error:
                LOG.warning("collected in part", extra={**values, "error": one.error})
            else:
                LOG.info("collected", extra=values)
        self.snapshot.requests = requests

    # Digests

    def _due_digests(self, archive: Archive, *, late: bool) -> Iterator[tuple[Week, int]]:
        """Yield each week whose digest is due but not finished, oldest first, with its `as_of`.

        A digest that is made within six hours of its due time uses no reading after that time. So
        an interruption of the process does not change the digest. Before a later digest (`late`),
        threads are collected again.
        """
        line, zone, now = self.config.schedule.digest, self.config.timezone, int(self.clock())
        began = OutcomeStore(archive).first_time()
        if not line or began is None:
            return
        finished = DigestStore(archive, self.config.language).weeks()
        for slot in slots(line, zone, max(began, now - _MISSED), now):
            week = week_of_slot(slot, zone)
            if self._failed.get(week, 0) > now or week.last.isoformat() in finished:
                continue
            if (now - slot > _PROMPT) == late:
                yield week, now if late else slot

    def _make(self, archive: Archive, due: Iterator[tuple[Week, int]]) -> None:
        for week, as_of in due:
            if self.stopping.is_set():
                return
            LOG.info("making the digest", extra={"week": week.last})
            try:
                with self._interruptible_part() as part:
                    self._end_if_stopping()
                    digest, published = self._digest(archive, week, as_of)
                    part.done = True
            except DigestError as error:
                self._failed[week] = int(self.clock()) + _RETRY
                LOG.error("no digest", extra={"week": week.last, "error": str(error)})
                continue
            if part.done and published:
                gaps = ", ".join(gap.community for gap in digest.gaps)
                LOG.info(
                    "published",
                    extra={"week": week.last, "topics": len(digest.topics), "missing": gaps or "-"},
                )

    def _digest(self, archive: Archive, week: Week, as_of: int) -> tuple[Digest, bool]:
        """Make and publish the digest of the week. Return it, and whether it was published."""
        self._unpublished.add(week.last.isoformat())  # no notification until it is published
        with contextlib.ExitStack() as stack:
            writer = None
            if self.config.writer.wanted:
                writer = stack.enter_context(ModelWriter(self.config.writer, tell=self._written))
            digest = make_digest(
                archive, self.config, week, as_of=as_of, writer=writer, progress=self._sign_of_life
            )
        return digest, self._publish(archive, week)

    def _publish(self, archive: Archive, week: Week) -> bool:
        """Publish the digest of the week. If that fails, log it; the next round tries again."""
        try:
            publish(site_files(archive, self.config, week), self.config.out)
        except (DigestError, OSError) as error:
            LOG.error(
                "the digest is not published; it is tried again",
                extra={"week": week.last, "error": str(error)},
            )
            return False
        self._unpublished.discard(week.last.isoformat())
        return True

    def _written(self, written: TopicProgress) -> None:
        """Log each topic that the model has finished. Once a minute, log the topic in progress."""
        now = time.monotonic()
        self._sign_of_life()
        if written.kept is None and now - self._told < _TELLING:
            return
        self._told = now
        LOG.info(
            "writing" if written.kept is None else "written",
            extra={
                "topic": written.title,
                "tokens": written.tokens,
                "seconds": round(written.seconds),
            },
        )

    def _publish_rest(self, archive: Archive) -> None:
        """Publish the digests that are finished but not published.

        In the first round, this is the newest digest, because an earlier process may have been
        killed before it published that digest.
        """
        finished = DigestStore(archive, self.config.language).weeks()
        first, self._first_round = self._first_round, False
        if first:
            self._unpublished.update(finished[:1])
        for last in sorted(self._unpublished.intersection(finished)):
            week = Week(date.fromisoformat(last), self.config.timezone)
            if self._publish(archive, week) and not first:
                LOG.info("published", extra={"week": week.last})

    # Telling

    def _tell(self, archive: Archive) -> None:
        """Send notifications, and update the snapshot of the probes.

        A signal does not interrupt this method, so that every message is sent completely.
        """
        feeds = self._feeds(archive)
        sent = notify(
            archive, self.config, feeds, int(self.clock()), self.send, unpublished=self._unpublished
        )
        before = self.snapshot.notices
        self.snapshot.notices = {name: before.get(name, 0) + n for name, n in sent.items()}
        self.snapshot.feeds = feeds
        self.snapshot.archive_bytes = archive.size()
        weeks = DigestStore(archive, self.config.language).weeks()
        self.snapshot.digests = len(weeks)
        if weeks:
            newest = Week(date.fromisoformat(weeks[0]), self.config.timezone)
            self.snapshot.last_digest = newest.end
        self._sign_of_life()

    def _feeds(self, archive: Archive) -> tuple[Freshness, ...]:
        return read_freshness(
            archive,
            enabled_communities(self.config),
            now=int(self.clock()),
            stale_after=int(self.config.collect.stale_hours * 3600),
        )

    # The process

    @contextlib.contextmanager
    def _interruptible_part(self) -> Iterator[_Part]:
        """Run a task that a signal may interrupt. After an interruption, its archived results are
        kept, and the task is repeated later."""
        part = _Part()
        try:
            self._interruptible = True
            yield part
        except KeyboardInterrupt:
            self.stopping.set()
        finally:
            self._interruptible = False

    def _end_if_stopping(self) -> None:
        """End the task now if a signal arrived before the task could be interrupted."""
        if self.stopping.is_set():
            raise KeyboardInterrupt

    def _sign_of_life(self, *_: object) -> None:
        self.snapshot.alive = time.monotonic()

    def _look_at_the_clock(self) -> None:
        before, now = self._clocks, (self.clock(), time.monotonic())
        self._clocks = now
        if self.wait is None and before[0]:
            jump = (now[0] - before[0]) - (now[1] - before[1])
            if abs(jump) > _JUMP:
                LOG.warning("the clock jumped", extra={"seconds": round(jump)})

    def _read_settings(self) -> None:
        try:
            config = load_config(self.path)
            check_addresses(config)
        except ConfigError as error:
            LOG.error("the new settings are not used", extra={"error": str(error)})
            return
        if config.archive != self.config.archive:
            LOG.error(
                "the new settings are not used: `archive` cannot change while running; restart, or"
                " write the old `archive`",
                extra={"archive": self.config.archive, "new": config.archive},
            )
            return
        self.config, self._failed = config, {}
        LOG.setLevel(config.run.level.upper())
        LOG.info("read the settings again", extra={"file": self.path})


@dataclass
class _Part:
    done: bool = False


def run(path: Path, config: Config, *, once: bool = False) -> None:
    """Run until SIGTERM or Ctrl-C. On SIGHUP, read the settings again. Raises DigestError."""
    log_to(None, config.run.log, config.run.level)
    check_addresses(config)
    if holds_secret(config) and path.stat().st_mode & 0o077:
        LOG.warning("others can read the secrets in the settings; chmod 600", extra={"file": path})
    if isinstance(config.archive, Path):
        config.archive.parent.mkdir(parents=True, exist_ok=True)
    service = Service(path, config)
    ending: Callable[[int, FrameType | None], object] = service.stop
    previous = {one: signal.signal(one, ending) for one in (signal.SIGTERM, signal.SIGINT)}
    if hasattr(signal, "SIGHUP"):
        previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: service.reload.set())
    try:
        with (
            holding(
                config,
                service.clock,
                partial(_lost, service),
                None if once else service.stopping.wait,
            ),  # fmt: skip
            probes("" if once else config.run.probe, service.snapshot) as address,
        ):
            LOG.info(
                "running",
                extra={
                    "archive": config.archive, "probes": address or "-",
                    "collect": config.schedule.collect, "digest": config.schedule.digest or "-",
                },
            )  # fmt: skip
            service.loop(once=once)
            LOG.info("stopped")
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


def _lost(service: Service) -> None:
    """Send a signal to stop the main thread, because another instance has the lease."""
    service.stopping.set()
    signal.raise_signal(signal.SIGTERM)
