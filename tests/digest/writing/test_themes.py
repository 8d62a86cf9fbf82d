"""Trends and watched subjects in sentences."""

from __future__ import annotations

from datetime import date

from shiomi.digest.document import Origin
from shiomi.digest.languages import load_language
from shiomi.digest.story import Story
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread
from shiomi.digest.trends import TrendEvidence
from shiomi.digest.watch import CommunityStrength, SideQuote, SubjectEvidence
from shiomi.digest.week import Week
from shiomi.digest.writing import write_subject, write_trend

JA = load_language("ja")
WEEK = Week(date(2020, 12, 13))
NINE = 1_607_817_600  # 2020-12-13 09:00 JST


def thread(community: str, number: int, text: str = "") -> Thread:
    link = f"https://{community}.example/{number}"
    passages = (Passage(PassageKind.COMMENT, text, f"{link}#c"),) if text else ()
    title = f"{'Rocky Linux' if number == 3 else 'CentOS Stream'}, take {number}"
    return Thread(community, str(number), title, NINE, link,
                  readings=(Reading(NINE, 40 + number, number),), passages=passages)  # fmt: skip


THREADS = tuple(thread(c, n) for n, c in enumerate(("hackernews", "hackernews", "lobsters"), 1))


def trend(*counts: int) -> str:
    evidence = TrendEvidence(
        "CentOS", ("CentOS", "CentOS Stream", "RHEL"), tuple(Story.of([t]) for t in THREADS),
        THREADS, counts, 9.0,
    )  # fmt: skip
    written = write_trend(evidence, JA, WEEK)
    assert written.name == "CentOS"
    assert written.counts == counts
    assert all(one.origin is Origin.TEMPLATE for one in written.sentences)  # comments only
    return "".join(one.text for one in written.sentences)


def test_a_trend_tells_this_weeks_threads_beside_the_weeks_before() -> None:
    told = trend(0, 2, 1, 3)
    assert "3件" in told
    assert "2件" in told
    assert "Hacker News 2件、Lobsters 1件" in told
    assert "1件もありません" in trend(0, 0, 0, 3)
    assert "多くて9件" in trend(9, 0, 0, 3)


def test_a_trend_opens_with_the_leading_thread_and_its_counts_and_names_other_titles() -> None:
    told = trend(1, 3)
    assert told.startswith(
        "反応が最も強かった話題は「CentOS Stream, take 1」"
        "（Hacker News、41ポイント・1件のコメント、"
        "2020-12-13 09:00 JST 時点）です。"
    )
    assert "ほかに「Rocky Linux, take 3" in told


VOICES = (
    "This move breaks the promise of ten years of support, and our servers now have no future.",
    "A rolling preview of the next release is a wonderful way to find bugs before they reach us.",
)


def subject(threads: tuple[Thread, ...], quotes: tuple[SideQuote, ...] = ()) -> SubjectEvidence:
    rows = (
        CommunityStrength("hackernews", 2, 1.0, 1.5),
        CommunityStrength("lobsters", 1, 0.5, 0.9, 1),
    )
    return SubjectEvidence("CentOS", threads, (1, 2, len(threads)), rows if threads else (), quotes,
                           bool(threads), 1.5)  # fmt: skip


def test_a_subject_tells_its_week_and_quotes_communities_side_by_side() -> None:
    quotes = tuple(
        SideQuote(t.community, t, t.passages[0], contrast=True)
        for t in (thread("hackernews", 1, VOICES[0]), thread("lobsters", 3, VOICES[1]))
    )
    written = write_subject(subject(THREADS, quotes), JA, WEEK)
    told = "".join(one.text for one in written.sentences)
    assert "3件" in told
    assert "週に平均1.5件" in told
    assert "目立って増えています" in told
    assert "Hacker News 2件（普段は週1件、反応の強さ" in told
    assert "Lobsters 1件（普段は週0.5件、反応の強さ" in told
    assert [one.text for one in written.sentences if one.origin is Origin.QUOTE] == list(VOICES)
    assert [one.link for one in written.sentences[-2:]] == [q.passage.link for q in quotes]
    assert written.rising


def test_a_subject_without_threads_says_so() -> None:
    written = write_subject(subject(()), JA, WEEK)
    assert [one.text for one in written.sentences] == [JA.phrase("watch.none", name="CentOS")]


def test_one_voice_alone_is_not_set_side_by_side() -> None:
    one = thread("hackernews", 1, VOICES[0])
    written = write_subject(
        subject(THREADS, (SideQuote("hackernews", one, one.passages[0]),)), JA, WEEK
    )
    assert all(sentence.origin is Origin.TEMPLATE for sentence in written.sentences)
