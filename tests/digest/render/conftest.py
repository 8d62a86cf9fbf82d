"""A digest as a week could bring it: shared stories, unknown counts, quotations, a watched subject.

Hand-made after the real week of 2025-11-16; the counts between the stated ones are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from shiomi.digest.document import Digest, Origin, Sentence, Subject, Topic, Trend
from shiomi.digest.languages import Language, load_language
from shiomi.digest.story import Story
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

WEEK = Week(date(2025, 11, 16))
AS_OF = WEEK.end


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def growth(created: int, points: int, comments: int, hours: int = 60) -> tuple[Reading, ...]:
    """Readings every three hours that rise quickly, then slowly, to the given counts."""
    steps = hours // 3
    shares = [1 - (1 - step / steps) ** 3 for step in range(1, steps + 1)]
    return tuple(
        Reading(created + 10_800 * index, round(points * share), round(comments * share))
        for index, share in enumerate(shares, 1)
    )


def hackernews(
    number: int, title: str, created: str, url: str | None, points: int, comments: int
) -> Thread:
    return Thread(
        "hackernews",
        str(number),
        title,
        at(created),
        f"https://news.ycombinator.com/item?id={number}",
        url,
        readings=growth(at(created), points, comments),
    )


CRAWLERS = Story.of(
    [
        hackernews(
            45944441,
            "Blocking LLM crawlers without JavaScript",
            "2025-11-13T21:04:00",
            "https://www.owl.is/blogg/blocking-crawlers-without-javascript/",
            146,
            72,
        ),
        Thread(
            "lobsters",
            "qz1abc",
            "Blocking LLM crawlers without JavaScript",
            at("2025-11-14T06:30:00"),
            "https://lobste.rs/s/qz1abc/blocking_llm_crawlers_without",
            "https://www.owl.is/blogg/blocking-crawlers-without-javascript/",
            readings=growth(at("2025-11-14T06:30:00"), 61, 34, 48),
        ),
        Thread(
            "reddit/programming",
            "1oxcrawl",
            "Blocking LLM crawlers, no JavaScript required",
            at("2025-11-14T09:12:00"),
            "https://www.reddit.com/r/programming/comments/1oxcrawl/blocking_llm_crawlers/",
            "https://www.owl.is/blogg/blocking-crawlers-without-javascript/",
        ),
    ]
)
REGULATION = Story.of(
    [
        Thread(
            "reddit/LocalLLaMA",
            "1oximzj",
            "Anthropic pushing again for regulation of open source models?",
            at("2025-11-15T05:20:00"),
            "https://www.reddit.com/r/LocalLLaMA/comments/1oximzj/anthropic_pushing_again_for_regulation_of_open/",
            readings=(Reading(at("2025-11-16T12:00:00"), 1_912, None),),
        )
    ]
)
LEJEPA = Story.of(
    [
        Thread(
            "arxiv",
            "2511.08544",
            "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics",
            at("2025-11-11T18:59:00"),
            "https://arxiv.org/abs/2511.08544",
        ),
        Thread(
            "reddit/MachineLearning",
            "1ovm4fd",
            "[R] LeJEPA: New Yann Lecun paper",
            at("2025-11-13T01:55:00"),
            "https://www.reddit.com/r/MachineLearning/comments/1ovm4fd/r_lejepa_new_yann_lecun_paper/",
            "https://arxiv.org/abs/2511.08544",
            readings=(Reading(at("2025-11-16T00:00:00"), 281, 32, exact=False),),
        ),
    ]
)


def told(text: str, *uids: str) -> Sentence:
    return Sentence(text, Origin.TEMPLATE, uids)


def quoted(text: str, story: Story, index: int) -> Sentence:
    thread = story.threads[index]
    return Sentence(text, Origin.QUOTE, (thread.uid,), thread.link)


def topic(story: Story, attention: str, technical: list[Sentence], meaning: str) -> Topic:
    first = story.threads[0]
    return Topic(
        story,
        first.title,
        first.link,
        (told(attention, *(thread.uid for thread in story.threads)),),
        tuple(technical),
        (told(meaning),),
    )


SAMPLE = Digest(
    WEEK,
    "ja",
    AS_OF,
    topics=(
        topic(
            CRAWLERS,
            "JavaScript を使わずに LLM クローラーを遮る方法が、Hacker News、Lobsters、"
            "Reddit (r/programming) の 3 つのコミュニティで議論されています。"
            "Hacker Newsでは146ポイント、72件のコメントを集めました（2025-11-16 18:04 JST時点）。",
            [
                told(
                    "記事は、隠しリンクを踏んだ送信元だけに確認ページを返す仕組みを紹介しています。"
                ),
                quoted(
                    "The trick is to never show the trap to people: the link is there, but no "
                    "browser draws it, and robots.txt forbids it.",
                    CRAWLERS,
                    0,
                ),
                quoted(
                    "This works until the crawlers run a real browser, and some already do.",
                    CRAWLERS,
                    1,
                ),
            ],
            "Web サイトの運営者は、閲覧者に負担をかけない対策の選択肢として検討できます。",
        ),
        topic(
            REGULATION,
            "オープンソースモデルの規制に関する Anthropic の姿勢が、Reddit (r/LocalLLaMA) で"
            "1,912ポイントを集めています（2025-11-16 21:00 JST時点、コメント数不明）。",
            [quoted("They want a moat, and they want the state to dig it.", REGULATION, 0)],
            "モデルの配布条件の変化を注視する必要があります。",
        ),
        topic(
            LEJEPA,
            "自己教師あり学習の新しい論文が arXiv と Reddit (r/MachineLearning) で話題です。",
            [
                told("論文の要旨は次のとおりです。"),
                quoted(
                    "We present a comprehensive theory of JEPAs and instantiate it in LeJEPA, a "
                    "lean, scalable, and theoretically grounded training objective.",
                    LEJEPA,
                    0,
                ),
            ],
            "約 50 行で実装できるとされ、追試がしやすい手法です。",
        ),
    ),
    trends=(
        Trend(
            "データ主権とクローラー制御",
            (
                told(
                    "LLM クローラーの制御を扱うスレッドが今週は 5 件あり、前の 4 週の平均 1.5 件を"
                    "上回りました。"
                ),
            ),
            CRAWLERS.threads,
            (1, 2, 1, 2, 5),
        ),
        Trend(
            "self-supervised learning",
            (told("自己教師あり学習の理論を扱うスレッドが増えました。"),),
            LEJEPA.threads,
            (0, 0, 1, 0, 2),
        ),
    ),
    subjects=(
        Subject(
            "AI規制",
            (
                told("今週の新しいスレッドは 4 件で、普段の週の 2 倍を超えました。"),
                quoted("Regulate the use, not the weights.", REGULATION, 0),
            ),
            REGULATION.threads,
            (1, 2, 1, 4),
            rising=True,
        ),
    ),
    notes=("Lobsters は 3 ページ目から応答せず、一部のスレッドが欠けている可能性があります。",),
)


@pytest.fixture(scope="session")
def sample() -> Digest:
    """The sample digest, Japanese."""
    return SAMPLE


@pytest.fixture(scope="session")
def ja() -> Language:
    return load_language("ja")


@pytest.fixture(scope="session")
def en() -> Language:
    return load_language("en")


@pytest.fixture(scope="session")
def hostile() -> Callable[[str, str], Digest]:
    """A digest in which every text that comes from the network is the first argument, every
    address the second."""
    return _hostile


def _hostile(text: str, url: str) -> Digest:
    threads = [
        Thread(community, "1", text, at("2025-11-14T00:00:00"), url, url, readings=reading)
        for community, reading in [
            ("hackernews", growth(at("2025-11-14T00:00:00"), 10, 5, 24)),
            ("lobsters", ()),
        ]
    ]
    story = Story.of(threads)
    lines = (
        Sentence(text, Origin.TEMPLATE, ("hackernews:1",)),
        Sentence(text, Origin.QUOTE, ("hackernews:1",), url),
        Sentence(text, Origin.MODEL, ("lobsters:1",)),
    )
    return Digest(
        WEEK,
        "ja",
        AS_OF,
        (Topic(story, text, url, lines, lines, lines, related=(threads[1],)),),
        (Trend(text, lines, tuple(threads), (1, 2)),),
        (Subject(text, lines, tuple(threads), (1, 2), rising=True),),
        (text,),
    )
