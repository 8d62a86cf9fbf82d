"""The strongest stories lead, each for reasons that sum to its score; nothing leads twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.ranking import Ranked, Window, explain, leading, rank, read_window
from shiomi.digest.story import Story
from shiomi.digest.thread import Passage, PassageKind, Place, Reading, Thread, ThreadState
from shiomi.digest.week import Week

WEEK = Week(date(2025, 11, 16))
AS_OF = WEEK.end + 3600
WORDS = [chr(97 + n) * 3 + "word" for n in range(26)]


def thread(
    number: int,
    *,
    title: str | None = None,
    points: int | None = 10,
    community: str = "hackernews",
    back: int = 0,
    url: str | None = None,
    state: ThreadState = ThreadState.LIVE,
) -> Thread:
    """A thread of the week `back` weeks ago, read a day later; its title is like no other."""
    created = WEEK.before(back).start + 3600 * (number % 100)
    reading = Reading(created + 86400, points, points)
    words = [WORDS[number % 26], WORDS[number // 26 % 26], f"n{number}b{back}"]
    return Thread(
        community,
        f"{back}-{number}",
        " ".join(words) if title is None else title,
        created,
        f"https://example.org/{community}/{back}/{number}",
        url,
        readings=(reading,),
        state=state,
    )


BACKGROUND = [
    thread(n, points=n + 1, community=name, back=back)
    for name in ("hackernews", "lobsters", "reddit/programming")
    for back in (0, 1, 2)
    for n in range(60)
]


def window_of(archive: Archive) -> Window:
    return read_window(archive, WEEK, as_of=AS_OF, weeks=2)


def ranked(
    stories: Sequence[Story], *, published: set[str] | None = None, extra: Sequence[Thread] = ()
) -> list[Ranked]:
    with Archive.open(":memory:") as archive:
        archive.add([*BACKGROUND, *extra, *(t for s in stories for t in s.threads)], seen=AS_OF)
        return rank(window_of(archive), stories, published=published)


def of(*threads: Thread, related: Sequence[str] = ()) -> Story:
    return Story.of(threads, related=related)


def reasons(item: Ranked) -> list[str]:
    return [reason.name for reason in item.reasons]


def test_the_reasons_sum_to_the_score_and_scores_fall() -> None:
    found = ranked([of(thread(n, points=n * 3)) for n in range(100, 140)])
    assert [item.score for item in found] == sorted((i.score for i in found), reverse=True)
    for item in found:
        assert item.score == pytest.approx(math.fsum(reason.value for reason in item.reasons))


def test_a_story_in_several_communities_is_above_the_same_engagement_in_one() -> None:
    one = of(thread(101, points=50))
    two = of(thread(102, points=50), thread(103, points=50, community="lobsters"))
    three = of(
        thread(104, points=50),
        thread(105, points=50, community="lobsters"),
        thread(106, points=50, community="reddit/programming"),
    )
    found = ranked([one, two, three])
    assert [item.story for item in found] == [three, two, one]
    gains = found[1].score - found[2].score, found[0].score - found[1].score
    assert gains[0] > gains[1] > 0, "each further community counts for less"


def test_two_threads_of_one_community_count_once() -> None:
    (twice,) = ranked([of(thread(101, points=50), thread(102, points=40))])
    assert reasons(twice) == [f"{thread(101).uid} engagement"]


def test_the_counts_of_a_story_are_those_of_its_week() -> None:
    before, now = thread(101, points=55, back=1), thread(102, points=20, community="lobsters")
    (item,) = ranked([of(before, now)])
    assert [name for name in reasons(item) if "engagement" in name] == [f"{now.uid} engagement"]


def test_the_reason_gives_counts_rarity_age_and_reference() -> None:
    (item,) = ranked([of(thread(101, points=50))])
    text = item.reasons[0].text
    assert text.startswith("Hacker News: 50 points (top ")
    assert "at 24 h, of 181 threads" in text


def test_a_thread_with_unknown_counts_says_so_and_ranks_by_other_evidence() -> None:
    alone = of(thread(101, points=None))
    shared = of(thread(102, points=None), thread(103, points=None, community="lobsters"))
    zero = of(thread(104, points=0))
    found = ranked([alone, shared, zero])
    assert [item.story for item in found] == [shared, alone, zero]
    assert "counts unknown" in found[0].reasons[0].text


@pytest.mark.parametrize("state", [ThreadState.DEAD, ThreadState.DELETED, ThreadState.REMOVED])
def test_a_story_that_is_gone_takes_no_place(state: ThreadState) -> None:
    gone, live = of(thread(101, points=900, state=state)), of(thread(102, points=1))
    found = ranked([gone, live])
    assert [item.demoted for item in found] == [None, "gone"]
    assert leading(found, 8) == [found[0]]


def test_a_gone_thread_adds_nothing_to_a_story_that_lives_on() -> None:
    lives = of(thread(101, points=900, state=ThreadState.DEAD), thread(102, points=5))
    (item,) = ranked([lives])
    assert item.demoted is None
    assert reasons(item) == [f"{thread(102).uid} engagement"]


def test_a_related_story_does_not_lead_beside_the_one_it_is_related_to() -> None:
    first = of(thread(101, points=900))
    reply = of(thread(102, points=800), related=[thread(101).uid])
    found = ranked([reply, first])
    assert [(item.story, item.demoted) for item in found] == [
        (first, None),
        (reply, "near_duplicate"),
    ]


def test_the_same_subject_in_other_words_takes_one_place() -> None:
    first = of(thread(101, points=900, title="Zephyr Falcon release 9 is out"))
    again = of(thread(102, points=800, title="Release 9 of Zephyr Falcon is out now"))
    found = ranked([first, again])
    assert found[1].demoted == "near_duplicate"
    assert first.id in found[1].reasons[-1].text


def test_a_likeness_of_titles_costs_something() -> None:
    first = of(thread(101, points=900, title="Zephyr falcon harbor lagoon"))
    like = of(thread(102, points=800, title="Zephyr quartz marble nectar onyx"))
    item = ranked([first, like])[1]
    assert reasons(item)[-1] == "similar"
    assert item.reasons[-1].value < 0


def test_a_story_an_earlier_week_had_near_its_top_is_a_repeat() -> None:
    old = thread(201, points=900, back=1, url="https://example.com/post/1")
    new = thread(202, points=900, url="http://www.example.com/post/1/#top")
    (item,) = ranked([of(new)], extra=[old])
    assert item.demoted == "repeat"
    assert old.uid in item.reasons[-1].text


def test_a_thread_of_the_story_itself_from_an_earlier_week_makes_a_repeat() -> None:
    old, new = thread(201, points=900, back=1), thread(202, points=900, community="lobsters")
    (item,) = ranked([of(old, new)])
    assert item.demoted == "repeat"


def test_what_an_earlier_week_hardly_noticed_may_lead_now() -> None:
    old = thread(201, points=3, back=1, url="https://example.com/post/1")
    new = thread(202, points=900, url="https://example.com/post/1")
    (item,) = ranked([of(new)], extra=[old])
    assert item.demoted is None


def test_a_title_that_its_community_has_every_week_is_a_repeat() -> None:
    old = thread(201, points=1, back=1, title="What are you doing this weekend? (November 2025)")
    new = thread(202, points=900, title="What are you doing this weekend?")
    (item,) = ranked([of(new)], extra=[old])
    assert item.demoted == "repeat"


def test_with_the_published_digests_known_they_decide() -> None:
    old = thread(201, points=900, back=1, url="https://example.com/post/1")
    new = thread(202, points=900, url="https://example.com/post/1")
    assert ranked([of(new)], extra=[old], published=set())[0].demoted is None
    assert ranked([of(new)], extra=[old], published={old.uid})[0].demoted == "repeat"
    assert ranked([of(new)], extra=[old], published={new.uid})[0].demoted == "repeat"


def test_a_later_reading_than_as_of_changes_nothing() -> None:
    story = of(thread(101, points=50))
    late = replace(
        story.threads[0],
        readings=(*story.threads[0].readings, Reading(AS_OF + 1, 5000, 5000)),
    )
    assert ranked([of(late)])[0].score == ranked([story])[0].score


def test_equal_scores_stand_in_the_order_of_their_ids() -> None:
    stories = [of(thread(n, points=50)) for n in (157, 129, 101)]
    found = [item.story.id for item in ranked(stories)]
    assert found == sorted(found)


POOL = [of(thread(n, points=n % 7 * 30)) for n in range(100, 120)] + [
    of(thread(200 + n, points=90), thread(300 + n, points=20, community="lobsters"))
    for n in range(5)
]


@pytest.mark.slow
@settings(max_examples=15)
@given(st.permutations(POOL))
def test_the_order_of_stories_changes_nothing(stories: list[Story]) -> None:
    with Archive.open(":memory:") as archive:
        archive.add([*BACKGROUND, *(t for s in POOL for t in s.threads)], seen=AS_OF)
        found = rank(window_of(archive), stories)
        assert found == rank(window_of(archive), POOL)


def test_no_story_is_lost() -> None:
    assert {item.story.id for item in ranked(POOL)} == {story.id for story in POOL}
    assert ranked([]) == []


@pytest.mark.parametrize(
    "title", ["", "\x00", "x" * 10_000, "？！", "<script>", "(2019)", "日本語"]
)
def test_any_title_can_be_ranked(title: str) -> None:
    titled = of(replace(thread(101), title=title))
    with Archive.open(":memory:") as archive:
        archive.add(BACKGROUND, seen=AS_OF)
        assert len(rank(window_of(archive), [titled, of(thread(102))])) == 2


def test_explain_says_why_each_was_chosen_and_why_the_best_others_were_not() -> None:
    strong = of(thread(101, points=900, title="Strong one here"))
    reply = of(thread(102, points=800, title="A reply"), related=[thread(101).uid])
    weak = of(thread(103, points=1, title="Weak"))
    text = explain(ranked([strong, reply, weak]), 1)
    assert text.startswith("1. Strong one here\n")
    assert "Not chosen, the best 2 of 2:" in text
    assert "-  A reply [near_duplicate]" in text
    assert "-  Weak [below the 1 chosen]" in text
    assert f"related to {strong.id}" in text


def test_explain_prints_no_control_codes_of_a_hostile_title() -> None:
    hostile = of(replace(thread(101), title="\x1b[2J\u202eevil\x00" + "x" * 10_000))
    with Archive.open(":memory:") as archive:
        archive.add(BACKGROUND, seen=AS_OF)
        text = explain(rank(window_of(archive), [hostile]), 1)
    assert text.replace("\n", "").isprintable()
    assert len(text) < 1000


def test_explain_prints_no_control_codes_of_a_hostile_id_or_community() -> None:
    evil = "\x1b]0;owned\x07\u202e\n   +9.99  forged: line"
    one = replace(thread(101, points=900, title="One story"), community=f"x{evil}", id=f"1{evil}")
    other = replace(thread(102, title="Another"), community=f"y{evil}", id=f"2{evil}")
    gone = replace(thread(103, state=ThreadState.DELETED), id=f"3{evil}")
    found = ranked([of(one, other), of(thread(104), related=[one.uid]), of(gone)])
    text = explain(found, 1)
    assert "forged" in text  # what they are called is told, in its place
    assert text.replace("\n", "").isprintable()
    assert not any(line.startswith("   +9.99") for line in text.splitlines())


def test_a_story_of_many_threads_of_the_week_stands_before_one_of_a_single_thread() -> None:
    many = of(*(thread(n, points=40) for n in range(100, 121)))
    one = of(thread(130, points=45))
    first = ranked([one, many])[0]
    assert first.story.id == many.id
    assert "threads" in reasons(first)


def test_an_image_without_text_takes_no_place_and_one_with_text_does() -> None:
    image = thread(101, points=50, url="https://i.redd.it/abc.jpeg")
    post = Passage(PassageKind.POST, "What the picture shows. " * 12, image.link)
    assert ranked([of(image)])[0].demoted == "no_text"
    assert ranked([of(replace(image, passages=(post,)))])[0].demoted is None


def test_a_thread_without_counts_stands_by_its_place_among_the_best_of_its_week() -> None:
    unread = replace(thread(101, community="reddit/LocalLLaMA"), readings=())
    top = replace(unread, id="top", title="aaa top of the list", place=Place(AS_OF - 60, 1))
    low = replace(unread, id="low", title="bbb end of the list", place=Place(AS_OF - 60, 90))
    first, last = ranked([of(low), of(top)])
    assert (first.story.id, last.story.id) == (top.uid, low.uid)
    assert "number 1 of its best of the week" in first.reasons[0].text
