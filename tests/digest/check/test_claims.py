"""Each number of a written digest is found, with the thread it is said of."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.check.claims import Claim, Unit, read_claims

HN = "[Title](https://news.ycombinator.com/item?id=1)"
REDDIT = "[Post](https://www.reddit.com/r/LocalLLaMA/comments/1abc/title/)"


def claims_of(body: str, heading: str = f"### {HN}") -> tuple[Claim, ...]:
    return read_claims(f"# 海外コミュニティ動向 - 2025-11-16\n\n{heading}\n{body}\n").claims


@pytest.mark.parametrize(
    ("url", "uid"),
    [
        ("https://news.ycombinator.com/item?id=46902638", "hackernews:46902638"),
        ("http://news.ycombinator.com/item?p=2&id=7#c", "hackernews:7"),
        (
            "https://old.reddit.com/r/MachineLearning/comments/1ovm4fd/x/",
            "reddit/MachineLearning:1ovm4fd",
        ),
        ("https://reddit.com/r/a_b/comments/1xyz", "reddit/a_b:1xyz"),
        ("https://lobste.rs/s/qz1abc/title", "lobsters:qz1abc"),
        ("https://arxiv.org/abs/2511.08544v2", "arxiv:2511.08544"),
        ("https://arxiv.org/pdf/2511.08544", "arxiv:2511.08544"),
        ("https://news.ycombinator.com/news", None),
        ("https://example.org/item?id=1", None),
    ],
)
def test_the_address_of_a_discussion_is_its_thread(url: str, uid: str | None) -> None:
    assert read_claims(f"- [title]({url})").uids == ((uid,) if uid else ())


@pytest.mark.parametrize(
    ("text", "points", "comments"),
    [
        ("145ポイント、44コメントを集めた。", 145, 44),
        ("2,318ポイント・1,012コメント", 2318, 1012),
        ("１，５１０ポイントと３００件のコメント", 1510, 300),
        ("281の支持と32件の技術的議論が行われています。", 281, 32),
        ("985票・198コメント", 985, 198),
        ("397 points, 68 comments", 397, 68),
        ("**スコア**: 125ポイント / 68コメント", 125, 68),
        ("- **ポイント**: 107点、34コメント", 107, 34),
        ("- **アップボート**: 654、137コメント", 654, 137),
        ("- **Upvotes**: 1,015", 1015, None),
        ("三百ポイント", 300, None),
        ("500 upvotes and 20 replies", 500, 20),
        ("40いいね", 40, None),
    ],
)
def test_numbers_of_points_and_comments_are_found(
    text: str, points: int | None, comments: int | None
) -> None:
    found = {claim.unit: claim.amount.low for claim in claims_of(text)}
    wanted = {Unit.POINTS: points, Unit.COMMENTS: comments}
    assert found == {unit: count for unit, count in wanted.items() if count is not None}


@pytest.mark.parametrize(
    "text",
    [
        "- **注目ポイント**: 2018年製の低スペックPCでも動作。",
        "ベンチマークで10ポイント改善した。",
        "性能差が5ポイント以内まで縮小",
        "3つのポイントがある。",
        "79%の支持",
        "GPT-4 is good. 51,822スター",
        "「500ポイントの記事」という題",
        "see `100 points` and https://a.example/100points",
        "数百コメント",
    ],
)
def test_other_numbers_are_no_claims(text: str) -> None:
    assert claims_of(text) == ()


def test_a_number_belongs_to_the_thread_of_its_heading() -> None:
    [claim] = claims_of(f"146ポイントを集めました。\n- 関連: {REDDIT}")
    assert claim.about == ("hackernews:1",)
    assert claim.line == 4


def test_a_number_belongs_to_the_community_its_sentence_names() -> None:
    text = f"- **出典**: {REDDIT}\n- Redditでは50票、Hacker Newsでは146ポイントを集めました。"
    assert [claim.about for claim in claims_of(text)] == [
        ("reddit/LocalLLaMA:1abc",),
        ("hackernews:1",),
    ]


def test_a_number_behind_a_link_belongs_to_that_link() -> None:
    [claim] = claims_of(f"- **出典**: {REDDIT}（809ポイント）")
    assert claim.about == ("reddit/LocalLLaMA:1abc",)


def test_a_number_of_a_community_without_a_link_keeps_the_title_it_stands_beside() -> None:
    [claim] = claims_of(
        "一方で、Hacker Newsでは「A report」というタイトルで145ポイントを集めました。",
        f"### {REDDIT}",
    )
    assert (claim.about, claim.community, claim.title) == ((), "hackernews", "A report")


def test_a_number_under_a_heading_without_a_thread_is_of_the_linked_threads() -> None:
    [claim] = claims_of(f"9ポイント\n- **URL**: {HN}", "### 1. A title")
    assert claim.about == ("hackernews:1",)


def test_a_stated_time_of_reading_is_kept() -> None:
    [one] = claims_of("146ポイント（2025-11-16 09:00 JST時点）。")
    assert (one.read, one.clock, one.or_earlier) == ("2025-11-16 09:00", "JST", False)
    [day] = claims_of("146ポイント（2025-11-16 以前に読取）。")
    assert (day.read, day.clock, day.or_earlier) == ("2025-11-16", None, True)
    [other] = claims_of("146 points, as of 2025-11-16 09:00 UTC or earlier")
    assert (other.read, other.clock, other.or_earlier) == ("2025-11-16 09:00", "UTC", True)


def test_a_total_is_marked_as_one() -> None:
    [claim] = claims_of("合計で500ポイントを集めました。")
    assert claim.total


def test_the_date_is_read_from_the_heading_in_both_forms() -> None:
    assert read_claims("# 動向 - 2025-11-16\n").date == date(2025, 11, 16)
    assert read_claims("# 動向 (2025年7月13日)\n").date == date(2025, 7, 13)
    assert read_claims("# 動向 - 2025-13-45\n").date is None


def test_all_weeks_of_the_series_are_read(shared_data: Path) -> None:
    weeks = sorted((shared_data / "digest" / "seed_series").glob("*.md"))
    read = {week.stem: read_claims(week.read_text(encoding="utf-8")) for week in weeks}
    assert len(read) == 44
    assert [day for day, one in read.items() if str(one.date) != day] == []
    assert sum(len(one.claims) for one in read.values()) > 500


WRITTEN = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("0123456789,.#*[]()「」。、-一千万ポイントコメント件のpoints/:?=\n "),
    ),
    max_size=300,
)


@given(WRITTEN)
def test_any_text_is_read_without_an_error(text: str) -> None:
    written = read_claims(text)
    assert all(1 <= claim.line <= len(text.splitlines()) for claim in written.claims)
