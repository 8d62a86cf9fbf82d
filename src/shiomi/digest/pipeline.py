"""The whole way from an archive to a week's digest: link, rank, find trends, write, keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore, Plan
from shiomi.digest.config import Config
from shiomi.digest.document import Digest, Origin, Subject, Topic, Trend
from shiomi.digest.languages import Language, load_language
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.ranking import (
    Engagement,
    Ranked,
    Window,
    explain,
    leading,
    rank,
    read_window,
)
from shiomi.digest.render import render_site
from shiomi.digest.trends import TrendEvidence, find_trends
from shiomi.digest.watch import watch_subject
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, write_subject, write_topic, write_trend

__all__ = ["Progress", "explain_week", "make_digest", "site_files"]

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, what is being done)."""

Part = TypeVar("Part", Topic, Trend)


def make_digest(
    archive: Archive,
    config: Config,
    week: Week,
    *,
    as_of: int,
    writer: ModelWriter | None = None,
    progress: Progress = lambda *_: None,
) -> Digest:
    """The digest of `week`, from counts read at `as_of` (unix seconds) or before.

    A digest that stands is given as it stands. One whose making was interrupted is continued with
    the `as_of` it was begun with, so that it ends as if it had not been. Raises DigestError.
    """
    store = DigestStore(archive, config.language)
    finished = store.finished(week)
    if finished is not None:
        return finished
    link_pending(archive, Linker.load(), progress=progress)
    plan = store.plan(week, as_of)
    window = _window(archive, config, plan.week, plan.as_of)
    ranked = _rank(archive, config, plan.week, window)
    language = load_language(plan.language)
    digest = _Making(archive, config, plan, store, window, language, writer, progress).of(ranked)
    store.finish(digest)
    return digest


def explain_week(archive: Archive, config: Config, digest: Digest) -> str:
    """Why each story of a finished digest was chosen, and why the next ones were not."""
    window = _window(archive, config, digest.week, digest.as_of)
    return explain(_rank(archive, config, digest.week, window), config.digest.topics)


def site_files(archive: Archive, config: Config, week: Week) -> dict[str, str]:
    """The files of the site that the digest of `week` may have changed, name to text.

    These are the index, the feeds, the week's own files, those of its neighbours, which link to
    it, and any that are missing from `config.out`.
    """
    digests = DigestStore(archive, config.language).all()
    dates = sorted(digest.week.last for digest in digests)
    place = dates.index(week.last)
    pages = {
        *dates[max(0, place - 1) : place + 2],
        *(last for last in dates if not (config.out / f"{last}.html").exists()),
    }
    language = load_language(config.language)
    return render_site(digests, language, site=config.site, pages=pages)


def _window(archive: Archive, config: Config, week: Week, as_of: int) -> Window:
    return read_window(archive, week, as_of=as_of, weeks=config.digest.weeks_compared)


def _rank(archive: Archive, config: Config, week: Week, window: Window) -> list[Ranked]:
    found = stories(archive, week.start, week.end, as_of=window.as_of)
    store = DigestStore(archive, config.language)
    published = store.published_uids(week.last) if store.finished(week.before()) else None
    return rank(
        archive,
        [story.until(week.end) for story in found],  # what came later is next week's
        week,
        as_of=window.as_of,
        published=published,  # None, without a digest of the week before: by prominence
        window=window,
    )


@dataclass(frozen=True, slots=True)
class _Making:
    """One digest in the making: each part is kept as soon as it stands."""

    archive: Archive
    config: Config
    plan: Plan
    store: DigestStore
    window: Window
    language: Language
    writer: ModelWriter | None
    progress: Progress

    def of(self, ranked: Sequence[Ranked]) -> Digest:
        return Digest(
            week=self.plan.week,
            language=self.plan.language,
            as_of=self.plan.as_of,
            topics=self.topics(leading(ranked, self.config.digest.topics)),
            trends=self.trends(ranked),
            subjects=self.subjects(),
            notes=self.writer.notes if self.writer else (),
        )

    def topics(self, chosen: Sequence[Ranked]) -> tuple[Topic, ...]:
        uids = {uid for one in chosen for uid in one.story.related}
        related = self.archive.get_many(sorted(uids), as_of=self.plan.as_of)

        topics: list[Topic] = []

        def write(one: Ranked) -> Topic:
            tied = [related[uid] for uid in one.story.related if uid in related]
            threads = [thread for thread in tied if thread.created < self.plan.week.end]
            said = [one.text for t in topics for one in (*t.technical, *t.implications)]
            return write_topic(
                one, threads, self.language, self.plan.week, writer=self.writer, avoid=said
            )

        for number, one in enumerate(chosen):
            self.progress(number, len(chosen), "writing topics")
            topics.append(self.kept(Topic, one.story.id, partial(write, one)))
        return tuple(topics)

    def trends(self, ranked: Sequence[Ranked]) -> tuple[Trend, ...]:
        found = find_trends(
            self.archive,
            self.plan.week,
            as_of=self.plan.as_of,
            ranked=ranked,
            most=self.config.digest.trends,
            language=self.plan.language,
            window=self.window,
        )

        def write(one: TrendEvidence) -> Trend:
            return write_trend(one, self.language, self.plan.week)

        return tuple(self.kept(Trend, one.name, partial(write, one)) for one in found)

    def subjects(self) -> tuple[Subject, ...]:
        if not self.config.watch:
            return ()
        engagement = Engagement(self.window.all, as_of=self.plan.as_of)
        return tuple(
            write_subject(
                watch_subject(
                    self.archive,
                    watch,
                    self.plan.week,
                    as_of=self.plan.as_of,
                    window=self.window,
                    engagement=engagement,
                ),
                self.language,
                self.plan.week,
            )
            for watch in self.config.watch
        )

    def kept(self, shape: type[Part], key: str, write: Callable[[], Part]) -> Part:
        """The part an interrupted run had finished, or else written now and kept.

        A topic the model failed at is not kept: started again, the digest tries it again.
        """
        kind = shape.__name__.lower()
        part = self.store.part(self.plan, kind, key, shape)
        if part is None:
            part = write()
            if isinstance(part, Topic) and self.writer and not _by_model(part):
                return part
            self.store.keep_part(self.plan, kind, key, part)
        return part


def _by_model(topic: Topic) -> bool:
    sentences = (*topic.attention, *topic.technical, *topic.implications)
    return any(sentence.origin is Origin.MODEL for sentence in sentences)
