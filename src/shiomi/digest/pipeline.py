"""Make a week's digest from an archive: link threads, rank stories, find trends, write and
store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

from shiomi import __version__
from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore, Plan
from shiomi.digest.archive.gaps import week_gaps
from shiomi.digest.config import Config
from shiomi.digest.document import Digest, Origin, Subject, Topic, Trend
from shiomi.digest.errors import DigestError
from shiomi.digest.languages import Language, load_language
from shiomi.digest.linking import Linker, LinkReport, link_pending, stories
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
from shiomi.digest.sources.known_feeds import enabled_communities
from shiomi.digest.trends import TrendEvidence, find_trends
from shiomi.digest.watch import watch_subject
from shiomi.digest.week import Week
from shiomi.digest.writing import ModelWriter, write_subject, write_topic, write_trend
from shiomi.digest.writing.evidence import gather

__all__ = ["Progress", "link_new", "make_digest", "site_files"]

_STAMP = ".shiomi"  # a file next to the pages, with the versions that rendered them

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, what is being done)."""

Part = TypeVar("Part", Topic, Trend)


def make_digest(
    archive: Archive,
    config: Config,
    week: Week,
    *,
    as_of: int,
    again: bool = False,
    writer: ModelWriter | None = None,
    progress: Progress = lambda *_: None,
) -> Digest:
    """Return the digest of `week`, using only counts read at `as_of` (unix seconds) or before.

    An existing digest is returned unchanged unless `again` is true. Even then the old digest is
    kept until the new one is complete. An interrupted digest is continued with its original
    `as_of`, so the interruption does not change the result. Raises DigestError, for example if the
    week has no threads or has not begun.
    """
    if week.start > as_of:
        raise DigestError(f"the week that ends {week.last} has not begun; name an earlier --week")
    language = load_language(config.language)
    store = DigestStore(archive, config.language)
    finished = None if again else store.finished(week)
    if finished is not None:
        return finished
    link_new(archive, config, progress=progress)
    plan = store.plan(week, as_of)
    window = read_window(archive, week, as_of=plan.as_of, weeks=config.digest.weeks_compared)
    ranked = _rank(archive, store, plan, window)
    if not ranked:
        store.give_up(plan)
        raise DigestError(
            f"no thread of the week that ends {week.last} is in the archive; `shiomi collect` or"
            " `shiomi import` fills it"
        )
    digest = _Making(archive, config, plan, store, window, language, writer, progress).of(ranked)
    store.finish(digest, explain(ranked, config.digest.topics))
    return digest


def link_new(
    archive: Archive, config: Config, *, progress: Progress = lambda *_: None
) -> LinkReport:
    """Link the threads that are not linked yet, with the judge that `config` names.

    Raises LinkingError if the judge's extra is not installed. Raises ArchiveError if the archive
    cannot be used.
    """
    return link_pending(archive, _linker(config.link.encoder), progress=progress)


@lru_cache(maxsize=1)
def _linker(encoder: str) -> Linker:
    # cached: a linker holds the indexed titles, and a long-running process needs them again
    return Linker.load(encoder)


def site_files(archive: Archive, config: Config, week: Week) -> dict[str, str]:
    """Return the name and text of each site file that the digest of `week` may have changed.

    These are the index, the feeds, the files of the week, and all files that are missing from
    `config.out`. The pages of the week before and the week after are included too, because they
    link to this week. If the site was rendered in another language, for another address or by
    another version, all its files are returned.
    """
    digests = DigestStore(archive, config.language).all()
    dates = sorted(digest.week.last for digest in digests)
    place = dates.index(week.last)
    stamp = f"shiomi {__version__}, {config.language}, {config.site}\n"
    pages = {
        *dates[max(0, place - 1) : place + 2],
        *(last for last in dates if not (config.out / f"{last}.html").exists()),
    }
    kept = config.out / _STAMP
    if not kept.exists() or kept.read_text(encoding="utf-8") != stamp:
        pages = set(dates)
    language = load_language(config.language)
    return render_site(digests, language, site=config.site, pages=pages) | {_STAMP: stamp}


def _rank(archive: Archive, store: DigestStore, plan: Plan, window: Window) -> list[Ranked]:
    week = plan.week
    found = stories(archive, week.start, week.end, as_of=plan.as_of)
    present = [story.until(week.end) for story in found]  # later threads belong to a later week
    return rank(window, present, published=store.published_uids(week))


@dataclass(frozen=True, slots=True)
class _Making:
    """A digest in progress: each part is stored as soon as it is complete."""

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
            gaps=week_gaps(
                self.archive,
                enabled_communities(self.config),
                self.plan.week,
                as_of=self.plan.as_of,
            ),
        )

    def topics(self, chosen: Sequence[Ranked]) -> tuple[Topic, ...]:
        uids = {uid for one in chosen for uid in one.story.related}
        related = self.archive.get_many(sorted(uids), as_of=self.plan.as_of)

        topics: list[Topic] = []

        def write(one: Ranked) -> Topic:
            tied = [related[uid] for uid in one.story.related if uid in related]
            threads = [thread for thread in tied if thread.created < self.plan.week.end]
            heading = gather(one.story).heading
            titles = (title for _, title in self.archive.titles(heading.uid))
            earlier = [title for title in titles if title != heading.title]
            return write_topic(
                one,
                threads,
                self.language,
                self.plan.week,
                writer=self.writer,
                earlier=earlier,
            )

        for number, one in enumerate(chosen):
            self.progress(number, len(chosen), "writing topics")
            topics.append(self.kept(Topic, one.story.id, partial(write, one)))
        return tuple(topics)

    def trends(self, ranked: Sequence[Ranked]) -> tuple[Trend, ...]:
        most = self.config.digest.trends
        found = find_trends(self.window, ranked, most=most, language=self.plan.language)

        def write(one: TrendEvidence) -> Trend:
            return write_trend(one, self.language, self.plan.week)

        return tuple(self.kept(Trend, one.name, partial(write, one)) for one in found)

    def subjects(self) -> tuple[Subject, ...]:
        if not self.config.watch:
            return ()
        engagement = Engagement(self.window.all, as_of=self.plan.as_of)
        return tuple(
            write_subject(
                watch_subject(self.window, watch, engagement), self.language, self.plan.week
            )
            for watch in self.config.watch
        )

    def kept(self, shape: type[Part], key: str, write: Callable[[], Part]) -> Part:
        """Return the part that an interrupted run stored, or write and store a new one.

        A topic that the model failed to write is not stored, so the next run tries it again.
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
