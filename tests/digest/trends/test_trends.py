"""A theme is what several stories of the week share and the weeks before did not."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.archive.sqlite import SqliteDatabase
from shiomi.digest.ranking import rank, read_window
from shiomi.digest.story import Story
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.trends import TrendEvidence, find_trends
from shiomi.digest.week import Week

WEEK = Week(date(2020, 12, 13))
AS_OF = WEEK.end + 86400
WEEKS = 4
CENTOS = (
    "CentOS Linux is dead",
    "CentOS shifts its focus to Stream",
    "Red Hat ends CentOS, Stream remains",
    "Rocky Linux to follow CentOS, Red Hat hears",
    "What Red Hat did to CentOS",
    "Red Hat answers the makers of CentOS",
)


def thread(
    number: int, title: str, *, back: int = 0, points: int = 5, community: str = "hackernews"
) -> Thread:
    created = WEEK.before(back).start + 60 * number
    return Thread(
        community, f"{back}-{number}", title, created, f"https://example.org/{back}/{number}",
        readings=(Reading(created + 86400, points, points),),
    )  # fmt: skip


def usual(back: int, size: int = 150) -> list[Thread]:
    """A week in which every title is made of words that hardly come again, and one that does."""
    return [thread(n, f"Pelican{n % 10} wort{back}x{n} ding{n * 7 % 90}", back=back)
            for n in range(size)]  # fmt: skip


BEFORE = [t for back in range(1, WEEKS + 1) for t in usual(back)]


@functools.cache
def usual_archive() -> Archive:
    """An archive that contains BEFORE."""
    archive = Archive.open(":memory:")
    archive.add(BEFORE, seen=AS_OF)
    return archive


def connection_of(archive: Archive) -> sqlite3.Connection:
    assert isinstance(archive.database, SqliteDatabase)
    return archive.database.connection


def trends(
    stories: Sequence[Story],
    before: Sequence[Thread] = BEFORE,
    *,
    most: int = 4,
    language: str = "en",
) -> list[TrendEvidence]:
    with Archive.open(":memory:") as archive:
        if before is BEFORE:
            connection_of(usual_archive()).backup(connection_of(archive))
        else:
            archive.add(before, seen=AS_OF)
        archive.add([t for story in stories for t in story.threads], seen=AS_OF)
        window = read_window(archive, WEEK, as_of=AS_OF, weeks=WEEKS)
        return find_trends(window, rank(window, stories), most=most, language=language)


def each(threads: Sequence[Thread]) -> list[Story]:
    return [Story.of([t]) for t in threads]


def theme(titles: Sequence[str] = CENTOS) -> list[Thread]:
    return [thread(1000 + n, title, points=300 + n) for n, title in enumerate(titles)]


def test_a_name_that_many_stories_share_this_week_is_a_trend() -> None:
    (found,) = trends(each([*usual(0), *theme()]))
    assert found.name == "CentOS, Red Hat"
    assert {s.threads[0].title for s in found.stories} == set(CENTOS)
    assert found.stories[0].threads[0].title == CENTOS[-1], "the strongest story comes first"


def test_counts_are_threads_per_week_and_the_last_are_those_shown() -> None:
    earlier = thread(2000, "CentOS in the office", back=2)
    (found,) = trends(each([*usual(0), *theme()]), [*BEFORE, earlier])
    assert found.counts == (0, 0, 1, 0, 6)
    assert len(found.threads) == found.counts[-1]


@pytest.mark.slow
def test_a_story_counts_once_however_many_communities_have_it() -> None:
    names = ("hackernews", "lobsters", "reddit/a", "reddit/b", "arxiv", "reddit/c")
    one = Story.of(
        thread(1000 + n, CENTOS[n], points=300, community=name) for n, name in enumerate(names)
    )
    assert trends([*each(usual(0)), one]) == []


def test_what_every_week_talks_about_is_no_trend() -> None:
    weekly = [
        thread(3000 + n, title, back=back, points=300)
        for back in range(1, WEEKS + 1)
        for n, title in enumerate(CENTOS)
    ]
    assert trends(each([*usual(0), *theme()]), [*BEFORE, *weekly]) == []


def test_a_word_whose_stories_have_nothing_else_in_common_is_no_trend() -> None:
    johns = [f"John Alpha{n} beside gamma{n}" for n in range(3)]
    assert trends(each([*usual(0), *theme(johns)])) == []


def test_forms_of_one_name_are_not_two_names() -> None:
    titles = [
        "Qwen3 runs on a laptop as Qwen3-Coder",
        "Numbers for Qwen3 and Qwen3-Coder",
        "Qwen3 against larger models, with Qwen3-Coder",
        "Qwen3-Coder after a week with Qwen3",
    ]
    for found in trends(each([*usual(0), *theme(titles)])):
        assert ", " not in found.name, found.name


def test_two_stories_are_no_trend() -> None:
    assert trends(each([*usual(0), *theme(CENTOS[:2])])) == []


def test_nothing_that_nobody_noticed_is_a_trend() -> None:
    unnoticed = [thread(1000 + n, title, points=0) for n, title in enumerate(CENTOS)]
    assert trends(each([*usual(0), *unnoticed])) == []


@pytest.mark.parametrize("label", ["Show HN: Wort{} made it", "Wort{} made it [pdf]"])
def test_labels_of_titles_are_no_trend(label: str) -> None:
    shown = [label.format(n) for n in range(20)]
    assert trends(each([*usual(0), *theme(shown)])) == []


def test_words_of_one_event_make_one_theme() -> None:
    (found,) = trends(each([*usual(0), *theme()]))
    assert {"CentOS", "Red Hat"} <= set(found.terms)


@pytest.mark.slow
def test_a_second_name_stands_beside_the_first_as_the_language_joins_them() -> None:
    titles = [
        "Salesforce buys Slack",
        "Slack goes to Salesforce",
        "Why Salesforce wanted Slack",
        "Salesforce to swallow Slack",
    ]
    stories = each([*usual(0), *theme(titles)])
    assert {t.name for language in ("en", "ja") for t in trends(stories, language=language)} <= {
        "Salesforce, Slack", "Slack, Salesforce", "Salesforce・Slack", "Slack・Salesforce",
    }  # fmt: skip
    assert "・" in trends(stories, language="ja")[0].name


def test_the_same_title_posted_again_is_one_story() -> None:
    again = [thread(1000 + n, "CentOS Stream at Red Hat", points=300) for n in range(6)]
    assert trends(each([*usual(0), *again])) == []


def test_japanese_titles_have_trends_too() -> None:
    titles = [f"欧州のＡＩ規制が{w}" for w in ("成立", "発効", "延期", "審議", "波紋")]
    (found,) = trends(each([*usual(0), *theme(titles)]))
    assert "AI規制" in found.name


def test_without_earlier_weeks_there_are_no_trends() -> None:
    assert trends(each([*usual(0), *theme()]), []) == []
    assert trends([]) == []


def test_most_is_kept() -> None:
    assert trends(each([*usual(0), *theme()]), most=0) == []


@pytest.mark.slow
@settings(max_examples=8)
@given(st.permutations(each([*usual(0, 40), *theme()])))
def test_the_order_of_stories_changes_nothing(stories: list[Story]) -> None:
    assert trends(stories) == trends(each([*usual(0, 40), *theme()]))
