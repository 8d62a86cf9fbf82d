"""A subject is found by whole words, followed over weeks, and alarms only when it truly rises."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.config import WatchConfig
from shiomi.digest.ranking import Engagement, read_window
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState
from shiomi.digest.watch import SubjectEvidence, chance_of, matcher, subject_matcher, watch_subject
from shiomi.digest.watch.side_by_side import side_by_side, tone
from shiomi.digest.week import Week

WEEK = Week(date(2025, 11, 16))
AS_OF = WEEK.end
PRAISE = "I love this regulation, it is a great and welcome step, and I fully support what it does."
OBJECTION = (
    "This regulation is terrible and harmful: a dangerous waste, and I oppose every word of it."
)


def thread(
    number: int,
    title: str,
    *,
    back: int = 0,
    community: str = "hackernews",
    points: int | None = 10,
    passages: tuple[Passage, ...] = (),
    state: ThreadState = ThreadState.LIVE,
) -> Thread:
    created = WEEK.before(back).start + 3600 + number
    reading = Reading(created + 86400, points, points)
    return Thread(
        community, f"{back}-{number}", title, created, f"https://example.org/{back}/{number}",
        readings=(reading,), passages=passages, state=state,
    )  # fmt: skip


def comment(text: str, number: int = 1, points: int | None = None) -> Passage:
    return Passage(PassageKind.COMMENT, text, f"https://example.org/c/{number}", points)


def followed(
    archive: Archive, watch: WatchConfig, week: Week, *, as_of: int = AS_OF, weeks: int = 8
) -> SubjectEvidence:
    window = read_window(archive, week, as_of=as_of, weeks=weeks)
    return watch_subject(window, watch, Engagement(window.all, as_of=as_of))


def watched(
    threads: list[Thread], *terms: str, rises_by: float = 2.0, weeks: int = 4
) -> SubjectEvidence:
    watch = WatchConfig("subject", terms or ("regulation",), rises_by)
    with Archive.open(":memory:") as archive:
        archive.add(threads, seen=AS_OF)
        return followed(archive, watch, WEEK, weeks=weeks)


def usual_week(back: int, on_subject: int, community: str = "hackernews") -> list[Thread]:
    """A week with at least ten threads, of which some are on the subject."""
    return [
        thread(n, f"regulation {n}" if n < on_subject else f"other {n}", back=back,
               community=community)
        for n in range(max(10, on_subject))
    ]  # fmt: skip


def before(on_subject: int) -> list[Thread]:
    return [t for back in (4, 3, 2, 1) for t in usual_week(back, on_subject)]


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("AI", "OpenAI is not it", False),
        ("AI", "a fair deal", False),
        ("AI", "Regulating AI.", True),
        ("AI", "生成AI規制", True),
        ("ai", "ＡＩ", True),
        ("AI規制", "欧州のAI規制が始まる", True),
        ("AI規制", "OpenAI規制", False),
        ("C++", "C++20 modules", True),
        ("C", "C++20 modules", True),
        ("C++", "Why C is faster", False),
        ("EU AI Act", "the eu  ai\nact passes", True),
        ("규제", "한국규제안", True),
        (".NET", "ASP.NET 5", True),
        ("Straße", "STRASSE", True),
    ],
)
def test_latin_terms_match_as_whole_words_and_cjk_terms_anywhere(
    term: str, text: str, found: bool
) -> None:
    assert matcher((term,))(text) is found


@pytest.mark.parametrize("terms", [(), ("",), ("AI", "  ")])
def test_a_watch_without_a_term_or_with_an_empty_one_is_refused(terms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="at least one term, none empty"):
        matcher(terms)


@given(st.text(min_size=1).filter(str.strip), st.text())
def test_any_term_and_any_text_can_be_matched(term: str, text: str) -> None:
    assert matcher((term,))(term)
    matcher((term,))(text)


def test_one_comment_in_passing_does_not_put_a_thread_on_the_subject_but_two_do() -> None:
    one = thread(1, "A", passages=(comment("regulation"),))
    two = thread(2, "B", passages=(comment("regulation", 1), comment("regulation", 2)))
    post = thread(3, "C", passages=(Passage(PassageKind.POST, "regulation", "https://e.org"),))
    assert {t.title for t in watched([one, two, post]).threads} == {"B", "C"}


def test_removed_threads_are_not_followed() -> None:
    found = watched([thread(1, "regulation", state=ThreadState.REMOVED)])
    assert found.counts == (0,)  # the archive holds no other week


def test_counts_run_from_the_oldest_week_to_this_one() -> None:
    found = watched([*usual_week(4, 1), *usual_week(2, 3), *usual_week(0, 2)])
    assert found.counts == (1, 0, 3, 0, 2)


def test_a_subject_far_above_its_usual_weeks_rises() -> None:
    found = watched([*before(1), *usual_week(0, 9)])
    assert found.rising
    assert found.usual == 1.0
    assert found.p_value < 0.01


def eight_quiet_weeks_but_the_last(on_subject: int) -> list[Thread]:
    """Eight weeks, all without the subject except the one right before this."""
    return [t for back in range(8, 0, -1) for t in usual_week(back, on_subject * (back == 1))]


def test_a_wave_that_ebbs_does_not_rise_however_quiet_the_weeks_before_it_were() -> None:
    for this_week in (11, 12):
        found = watched([*eight_quiet_weeks_but_the_last(12), *usual_week(0, this_week)], weeks=8)
        assert found.counts == (0, 0, 0, 0, 0, 0, 0, 12, this_week)
        assert found.p_value < 0.05  # the wave is unusual still
        assert not found.rising
    grown = [*eight_quiet_weeks_but_the_last(12), *usual_week(0, 13)]
    assert watched(grown, weeks=8).rising


def test_from_none_to_one_thread_is_no_alert() -> None:
    assert not watched([*before(0), *usual_week(0, 1)]).rising


def test_a_usual_week_is_no_alert() -> None:
    assert not watched([*before(4), *usual_week(0, 5)]).rising


def test_the_readers_own_threshold_holds() -> None:
    threads = [*before(2), *usual_week(0, 9)]
    assert watched(threads, rises_by=4.0).rising
    assert not watched(threads, rises_by=5.0).rising


def test_a_community_collected_for_the_first_time_raises_no_alarm() -> None:
    newcomer = usual_week(0, 9, community="lobsters")
    found = watched([*before(0), *usual_week(0, 0), *newcomer])
    assert found.counts[-1] == 9
    assert not found.rising


def test_an_archive_without_earlier_weeks_raises_no_alarm() -> None:
    found = watched(usual_week(0, 9))
    assert not found.rising
    assert found.p_value == 1.0


def test_a_thread_with_unknown_counts_is_counted_and_adds_no_strength() -> None:
    known, unknown = thread(1, "regulation"), thread(2, "regulation", points=None)
    (strength,) = watched([unknown, known]).communities
    assert (strength.threads, strength.unknown) == (2, 1)
    assert 0 < strength.strength < 1
    assert watched([unknown, known]).threads == (known, unknown)


@given(st.integers(0, 60), st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_the_chance_of_more_threads_is_never_higher(count: int, earlier: list[int]) -> None:
    chance = chance_of(count, earlier)
    assert 0 <= chance <= 1
    assert chance_of(count + 1, earlier) <= chance + 1e-9


def test_the_chance_is_that_of_the_poisson_predictive_distribution() -> None:
    """A second implementation: the integral of Poisson over Gamma(K + 1/2, m), by summation."""
    import math

    earlier, count = [2, 3, 1, 2], 6
    shape, rate = sum(earlier) + 0.5, len(earlier)
    step, total = 0.001, 0.0
    for place in range(1, 20_000):
        x = place * step
        density = math.exp(
            shape * math.log(rate) + (shape - 1) * math.log(x) - rate * x - math.lgamma(shape)
        )
        below = sum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(count))
        total += density * (1 - below) * step
    assert chance_of(count, earlier) == pytest.approx(total, rel=1e-3)


def test_overdispersed_weeks_make_a_high_count_less_surprising() -> None:
    assert chance_of(12, [0, 12, 0, 8, 0, 10]) > chance_of(12, [5, 5, 5, 5, 5, 5])


def test_two_communities_of_opposite_tone_are_quoted_side_by_side() -> None:
    ours = thread(1, "regulation", passages=(comment(PRAISE, 1), comment("x" * 50, 2, 99)))
    theirs = thread(2, "regulation", community="lobsters", passages=(comment(OBJECTION, 3),))
    quotes = watched([ours, theirs]).quotes
    assert [(q.community, q.passage.text) for q in quotes] == [
        ("hackernews", PRAISE),
        ("lobsters", OBJECTION),
    ]
    assert all(quote.contrast for quote in quotes)


def test_without_a_contrast_each_communitys_best_rated_comment_is_quoted() -> None:
    low, high = comment("about regulation " * 4, 1, 2), comment("regulation again " * 4, 2, 30)
    ours = thread(1, "regulation", passages=(low, high))
    theirs = thread(2, "regulation", community="lobsters", passages=(comment("hm " * 20, 3),))
    quotes = watched([ours, theirs]).quotes
    assert {(q.community, q.passage.link, q.contrast) for q in quotes} == {
        ("hackernews", high.link, False),
        ("lobsters", "https://example.org/c/3", False),
    }


def test_one_community_alone_is_not_set_beside_anything() -> None:
    assert watched([thread(1, "regulation", passages=(comment(PRAISE),))]).quotes == ()


def test_an_articles_words_are_not_a_communitys() -> None:
    article = Passage(PassageKind.ARTICLE, OBJECTION, "https://example.org/a")
    ours = thread(1, "regulation", passages=(comment(PRAISE),))
    theirs = thread(2, "regulation", community="lobsters", passages=(article,))
    assert side_by_side([ours, theirs], about=matcher(("regulation",))) == ()


def test_a_negation_turns_the_tone_of_a_word_round() -> None:
    assert tone("this is good") > 0 > tone("this is not good")
    assert tone("I don't like it") < 0


def test_the_order_of_arrival_changes_nothing() -> None:
    threads = [*before(1), *usual_week(0, 9)]
    assert watched(threads) == watched(threads[::-1])


def test_a_subject_needs_a_term_of_each_list_and_none_of_the_last() -> None:
    watch = WatchConfig("AI規制", ("AI", "Claude"), also=("regulat*", "ban"), never=("staff",))
    about = subject_matcher(watch)
    assert about("Who should regulate AI?")
    assert about("Overview of AI regulations")
    assert not about("AI for everyone")
    assert not about("Regulators look at banks")
    assert not about("A ban on AI for staff")
    assert not about("Bandits train Claude")


@pytest.mark.slow
def test_the_alert_fires_in_the_week_in_which_centos_ended() -> None:
    """Titles, times and counts of real threads; the data starts nine weeks before."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = Path(__file__).parents[4] / "shared" / "data" / "digest" / "threads.parquet"
    if not path.exists():
        pytest.skip("needs ../shared/data/digest/threads.parquet")
    week = Week(date(2020, 12, 13))
    span = [("t", ">=", week.start - 8 * 7 * 86_400), ("t", "<", week.end)]
    rows = parquet.read_table(path, columns=["uid", "t", "title", "score"], filters=span)
    threads = [
        Thread(
            "hackernews", row["uid"], row["title"], row["t"], "https://example.org",
            readings=(Reading(week.end, row["score"], 0),),
        )
        for row in rows.to_pylist()
    ]  # fmt: skip
    with Archive.open(":memory:") as archive:
        archive.add_seen((one, week.end) for one in threads)
        watch = WatchConfig("CentOS", ("CentOS",))
        for last, rises in ((date(2020, 12, 6), False), (week.last, True)):
            found = followed(archive, watch, Week(last), as_of=week.end + 1)
            assert found.rising is rises, found.counts
