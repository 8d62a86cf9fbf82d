"""From an archive to the files of a site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.config import Config, DigestConfig
from shiomi.digest.errors import DigestError
from shiomi.digest.pipeline import make_digest, site_files
from shiomi.digest.publishing import publish
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

WEEKS = [Week(date(2020, 11, 29)), Week(date(2020, 12, 6)), Week(date(2020, 12, 13))]
SUBJECTS = ("a compiler for Lua", "garbage collection in Go", "the history of Unix pipes")


def thread(week: Week, number: int, community: str, subject: str) -> Thread:
    created = week.start + number * 7_000
    return Thread(
        community,
        f"{week.last:%m%d}{number}",
        f"{subject} ({week.last})",
        created,
        f"https://example.net/{community}/{week.last:%m%d}{number}",
        f"https://example.org/{week.last}/{subject.replace(' ', '-')}",
        readings=(Reading(created + 3_600, 100 * number + 7, number),),
    )


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive.open(":memory:") as archive:
        for week in WEEKS:
            threads = [
                thread(week, number, community, subject)
                for number, subject in enumerate(SUBJECTS, 1)
                for community in ("hackernews", "lobsters")
            ]
            archive.add(threads, seen=week.end)
        yield archive


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(out=tmp_path, digest=DigestConfig(topics=2))


def test_a_digest_that_stands_is_given_as_it_stands(archive: Archive, config: Config) -> None:
    made = make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end)
    assert len(made.topics) == 2
    assert all(topic.story.communities == ("hackernews", "lobsters") for topic in made.topics)
    archive.add([thread(WEEKS[0], 9, "hackernews", "a late story")], seen=WEEKS[0].end)
    assert make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end + 999) == made


def test_no_thread_of_another_week_and_no_later_reading_is_in_a_digest(
    archive: Archive, config: Config
) -> None:
    late = thread(WEEKS[0], 1, "hackernews", SUBJECTS[0])
    late = replace(late, readings=(Reading(WEEKS[2].end, 99_999, 9),))
    archive.add([late], seen=WEEKS[2].end)
    made = make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end)
    for topic in made.topics:
        for one in topic.story.threads:
            assert WEEKS[0].start <= one.created < WEEKS[0].end
            assert all(reading.time <= WEEKS[0].end for reading in one.readings)


def test_a_new_digest_changes_its_own_files_its_neighbours_and_the_lists(
    archive: Archive, config: Config
) -> None:
    for week in (WEEKS[0], WEEKS[2]):
        make_digest(archive, config, week, as_of=week.end)
        publish(site_files(archive, config, week), config.out)
    everything = {path.name for path in config.out.iterdir()}
    assert {"2020-11-29.html", "2020-12-13.md", "index.html", "atom.xml"} <= everything
    make_digest(archive, config, WEEKS[1], as_of=WEEKS[1].end)
    changed = {path.name for path in publish(site_files(archive, config, WEEKS[1]), config.out)}
    assert {"2020-12-06.md", "2020-11-29.html", "2020-12-13.html", "index.html"} <= changed
    assert "2020-11-29.md" not in changed
    (config.out / "2020-11-29.html").unlink()
    assert "2020-11-29.html" in site_files(archive, config, WEEKS[2])


def test_every_choice_is_explained_as_it_was_made(archive: Archive, config: Config) -> None:
    made = make_digest(archive, config, WEEKS[1], as_of=WEEKS[1].end)
    explanation = DigestStore(archive, "ja").explanation(WEEKS[1])
    for topic in made.topics:
        assert topic.story.threads[0].title in explanation
    assert "Not chosen" in explanation
    archive.add([thread(WEEKS[1], 9, "hackernews", "a late story")], seen=WEEKS[1].end)
    make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end)
    assert DigestStore(archive, "ja").explanation(WEEKS[1]) == explanation


def test_a_digest_made_again_stands_until_the_new_one_does(
    archive: Archive, config: Config
) -> None:
    store = DigestStore(archive, "ja")
    old = make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end)

    def interrupt(done: int, total: int | None, what: str) -> None:
        if what == "writing topics" and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_digest(
            archive, config, WEEKS[0], as_of=WEEKS[0].end + 60, again=True, progress=interrupt
        )
    assert store.finished(WEEKS[0]) == old
    new = make_digest(archive, config, WEEKS[0], as_of=WEEKS[0].end + 120, again=True)
    assert new.as_of == WEEKS[0].end + 60  # the plan it was begun with
    assert store.finished(WEEKS[0]) == new


def test_only_digests_of_earlier_weeks_take_a_story_away(archive: Archive, config: Config) -> None:
    store = DigestStore(archive, "ja")
    yesterday = Week(date(2020, 12, 5))
    made = make_digest(archive, config, yesterday, as_of=yesterday.end)
    uids = {t.uid for topic in made.topics for t in topic.story.threads}
    assert store.published_uids(WEEKS[1]) is None
    assert set(store.published_uids(WEEKS[2]) or ()) == uids


def test_a_week_without_threads_is_not_published(archive: Archive, config: Config) -> None:
    empty = Week(date(2019, 1, 6))
    with pytest.raises(DigestError, match="no thread of the week"):
        make_digest(archive, config, empty, as_of=WEEKS[0].end)
    assert DigestStore(archive, "ja").all() == []
    with pytest.raises(DigestError, match="has not begun"):
        make_digest(archive, config, WEEKS[2], as_of=WEEKS[0].end)


def test_another_address_of_the_site_renders_every_page_anew(
    archive: Archive, config: Config
) -> None:
    for week in WEEKS:
        make_digest(archive, config, week, as_of=week.end)
        publish(site_files(archive, config, week), config.out)
    assert "2020-11-29.html" not in site_files(archive, config, WEEKS[2])
    moved = replace(config, site="https://example.org/digest/")
    assert "2020-11-29.html" in site_files(archive, moved, WEEKS[2])
