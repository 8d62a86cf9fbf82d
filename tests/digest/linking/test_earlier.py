"""Earlier threads of a story's page or title."""

from __future__ import annotations

from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker, earlier_threads, link_pending, stories
from tests.digest.linking.conftest import DAY, make_thread

_START = 1_600_000_000


def test_a_page_posted_again_is_found_months_later_and_not_merged(
    archive: Archive, linker: Linker
) -> None:
    page = "https://a.example/x"
    archive.add(
        [
            make_thread("hackernews:1", "One telling of it", url=page),
            make_thread("hackernews:2", "The same words again", day=50),
            make_thread("lobsters:3", "The same words again!", url=page, day=100),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    found = stories(archive, _START + 99 * DAY, _START + 101 * DAY)
    assert [len(story.threads) for story in found] == [1]
    assert earlier_threads(archive, found) == {"lobsters:3": ["hackernews:1", "hackernews:2"]}
    assert earlier_threads(archive, found, since=_START + DAY) == {"lobsters:3": ["hackernews:2"]}


def test_a_title_of_two_words_says_too_little(archive: Archive, linker: Linker) -> None:
    archive.add(
        [
            make_thread("hackernews:1", "Hello world"),
            make_thread("lobsters:2", "Hello world", day=60),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    assert earlier_threads(archive, stories(archive, _START + 59 * DAY, _START + 61 * DAY)) == {}
