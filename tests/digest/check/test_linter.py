"""The linter contradicts only what the readings exclude, and says whose number it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.check import CheckReport, Verdict, check_digest
from shiomi.digest.document import Digest, Topic
from shiomi.digest.languages import load_language
from shiomi.digest.render import render_markdown
from shiomi.digest.story import Story
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def thread(number: int, *readings: Reading, title: str = "A title") -> Thread:
    return Thread(
        "hackernews",
        str(number),
        title,
        at("2026-02-05T18:00"),
        f"https://news.ycombinator.com/item?id={number}",
        readings=readings,
    )


def archive_of(*threads: Thread) -> Archive:
    archive = Archive.open(":memory:")
    archive.add(threads, seen=at("2026-02-09T00:00"))
    return archive


def check(body: str, *threads: Thread) -> CheckReport:
    text = f"# 海外コミュニティ動向 - 2026-02-08\n\n### [T](https://news.ycombinator.com/item?id=1)\n{body}"
    with archive_of(*threads) as archive:
        return check_digest(text, archive)


def verdict(body: str, *threads: Thread) -> Verdict:
    [one] = check(body, *threads).checked
    return one.verdict


EARLY = Reading(at("2026-02-05T23:59"), 1_510, None)
LATE = Reading(at("2026-03-01T00:00"), 1_600, None)


@pytest.mark.parametrize(
    ("said", "readings", "expected"),
    [
        ("803ポイント", (EARLY,), Verdict.CONTRADICTED),  # it had more already
        ("1,505ポイント", (EARLY,), Verdict.POSSIBLE),  # votes are taken back
        ("1,510ポイント", (EARLY,), Verdict.CONFIRMED),
        ("1,550ポイント", (EARLY,), Verdict.POSSIBLE),  # it may have grown
        ("1,550ポイント", (EARLY, LATE), Verdict.CONFIRMED),  # between two readings
        ("2,000ポイント", (EARLY, LATE), Verdict.CONTRADICTED),  # it never had so many
        ("803ポイント", (LATE,), Verdict.POSSIBLE),  # it may have been read earlier
        ("1.5kポイント", (EARLY,), Verdict.CONFIRMED),
        ("1,900以上の支持", (EARLY, LATE), Verdict.CONTRADICTED),
        ("1,400以上の支持", (EARLY, LATE), Verdict.CONFIRMED),
        ("1,000未満の支持", (EARLY,), Verdict.CONTRADICTED),
        ("636コメント", (EARLY,), Verdict.UNKNOWN),  # comments were never read
        ("803ポイント", (), Verdict.UNKNOWN),
        ("合計803ポイント", (EARLY,), Verdict.UNKNOWN),
    ],
)
def test_a_number_is_judged_by_the_readings_before_and_after_it(
    said: str, readings: tuple[Reading, ...], expected: Verdict
) -> None:
    assert verdict(said, thread(1, *readings)) is expected


def test_a_reading_of_unknown_hour_bounds_from_below_but_not_from_above() -> None:
    dated = replace(LATE, exact=False)  # made at its time or earlier
    assert verdict("2,000ポイント", thread(1, dated)) is Verdict.POSSIBLE
    early = replace(EARLY, exact=False)
    assert verdict("803ポイント", thread(1, early)) is Verdict.CONTRADICTED


def test_a_stated_time_of_reading_is_taken_at_its_word() -> None:
    read = Reading(at("2026-02-08T00:00"), 900, 40)
    said = "{}ポイント（2026-02-08 09:00 JST時点）"
    assert verdict(said.format(900), thread(1, read)) is Verdict.CONFIRMED
    assert verdict(said.format(899), thread(1, read)) is Verdict.CONTRADICTED
    assert verdict("899ポイント", thread(1, read)) is Verdict.POSSIBLE


def test_a_thread_that_began_after_the_digest_contradicts_it() -> None:
    later = replace(thread(1, LATE), created=at("2026-02-20T00:00"))
    assert verdict("5ポイント", later) is Verdict.CONTRADICTED


def test_a_thread_that_is_not_here_is_never_called_wrong() -> None:
    report = check("803ポイント、636コメント")
    assert {one.verdict for one in report.checked} == {Verdict.UNKNOWN}
    assert not report.contradicted


def test_a_contradicted_number_is_traced_to_the_thread_it_belongs_to() -> None:
    other = thread(2, Reading(at("2026-02-08T00:00"), 803, 636), title="The Codex App")
    report = check("803ポイント・636コメント", thread(1, Reading(EARLY.time, 1_510, 650)), other)
    [points] = [one for one in report.checked if one.claim.text == "803ポイント"]
    assert points.verdict is Verdict.CONTRADICTED
    assert points.belongs_to == ("hackernews:2",)
    assert "already had 1,510 points" in points.why
    assert "that is the number of hackernews:2 ('The Codex App')" in points.why


def test_a_title_named_beside_a_number_finds_its_thread() -> None:
    text = (
        "# 動向 - 2026-02-08\n\n### [T](https://www.reddit.com/r/a/comments/1abc/x/)\n"
        "Hacker Newsでは「Anthropic's report」というタイトルで145ポイントを集めました。\n"
    )
    with archive_of(thread(9, EARLY, title="Anthropic's report")) as archive:
        [one] = check_digest(text, archive).checked
    assert (one.verdict, one.uid) == (Verdict.CONTRADICTED, "hackernews:9")


@pytest.mark.parametrize("code", ["ja", "en"])
def test_each_number_of_our_own_digest_is_confirmed_in_every_language(code: str) -> None:
    language = load_language(code)
    exact = thread(1, Reading(at("2026-02-07T03:04"), 1_510, 40))
    dated = replace(thread(2, Reading(at("2026-02-07T23:59"), 7, None, exact=False)), title="B")
    topic = Topic(Story.of([exact, dated]), "T", exact.link, (), (), ())
    week = Week(date(2026, 2, 8))
    text = render_markdown(Digest(week, code, week.end, (topic,), ()), language)
    with archive_of(exact, dated) as archive:
        report = check_digest(text, archive)
    assert [(one.uid, one.claim.amount.low, one.verdict) for one in report.checked] == [
        ("hackernews:1", 1_510, Verdict.CONFIRMED),
        ("hackernews:1", 40, Verdict.CONFIRMED),
        ("hackernews:2", 7, Verdict.CONFIRMED),
    ]
    assert [one.claim.read for one in report.checked] == ["2026-02-07 12:04"] * 2 + ["2026-02-08"]
    wrong = text.replace("1,510", "1,511")
    with archive_of(exact, dated) as archive:
        assert check_digest(wrong, archive).contradicted


def top_of_days(file: Path) -> Iterator[tuple[Thread, int]]:
    """Yield the best threads of Hacker News by day, and when their points were known at last."""
    for line in gzip.decompress(file.read_bytes()).splitlines():
        row = json.loads(line)
        day, seen = at(row["date"]), at(f"{row['date']}T23:59:59")
        reading = Reading(seen, row["score"], None, exact=False)
        found = thread(row["id"], reading, title=row["title"])
        yield replace(found, created=day), seen


@pytest.fixture(scope="module")
def daily_top(shared_data: Path) -> Iterator[Archive]:
    with Archive.open(":memory:") as archive:
        file = shared_data / "digest" / "hn_daily_top20_2025-08_2026-08.jsonl.gz"
        archive.add_seen(top_of_days(file))
        yield archive


def test_the_borrowed_numbers_of_2026_02_08_are_flagged_and_their_owner_passes(
    shared_data: Path, daily_top: Archive
) -> None:
    text = (shared_data / "digest/seed_series/2026-02-08.md").read_text(encoding="utf-8")
    report = check_digest(text, daily_top)
    flagged = {(one.uid, one.claim.text, one.belongs_to) for one in report.contradicted}
    assert flagged == {
        ("hackernews:46902638", "803ポイント", ("hackernews:46859054",)),
        ("hackernews:46902638", "636コメント", ("hackernews:46859054",)),
    }
    owner = [one for one in report.checked if one.uid == "hackernews:46859054"]
    assert [one.claim.text for one in owner] == ["803ポイント", "636コメント"]
    assert Verdict.CONTRADICTED not in {one.verdict for one in owner}


@pytest.mark.parametrize("hour", ["2026-02-07T12:00", "2026-02-08T12:00", "2026-08-21T00:00"])
def test_they_are_flagged_too_where_the_readings_are_of_the_digests_day_or_later(
    hour: str, shared_data: Path
) -> None:
    text = (shared_data / "digest/seed_series/2026-02-08.md").read_text(encoding="utf-8")
    wrong = replace(thread(1, Reading(at(hour), 1_510, 600)), id="46902638")
    owner = replace(thread(2, Reading(at(hour), 803, 636)), id="46859054")
    with archive_of(wrong, owner) as archive:
        report = check_digest(text, archive)
    assert [(one.uid, one.claim.line) for one in report.contradicted] == [
        ("hackernews:46902638", 13)
    ] * 2


def test_every_week_of_the_series_is_checked_and_only_that_one_is_wrong(
    shared_data: Path, daily_top: Archive
) -> None:
    wrong = []
    for week in sorted((shared_data / "digest" / "seed_series").glob("*.md")):
        report = check_digest(week.read_text(encoding="utf-8"), daily_top)
        report.text(every=True)
        json.loads(report.json())
        wrong += [week.stem] * bool(report.contradicted)
    assert wrong == ["2026-02-08"]


def test_the_report_reads_as_lines_and_as_json() -> None:
    report = check("803ポイント、20コメント", thread(1, EARLY))
    assert report.text().splitlines() == [
        "line 4: contradicted: '803ポイント': hackernews:1 already had 1,510 points on"
        " 2026-02-05 23:59 UTC",
        "2 numbers: 0 confirmed, 0 possible, 1 contradicted, 1 unknown; 1 of 1 linked threads"
        " are in the archive",
    ]
    document = json.loads(report.json())
    assert document["counts"]["contradicted"] == 1
    assert document["checked"][0]["claim"]["line"] == 4


def test_a_digest_without_a_date_is_judged_only_by_what_it_states() -> None:
    text = "### [T](https://news.ycombinator.com/item?id=1)\n803ポイント\n"
    with archive_of(thread(1, EARLY, LATE)) as archive:
        report = check_digest(text, archive)
    assert report.checked[0].verdict is Verdict.POSSIBLE
    assert "no date" in report.notes[0]


def test_a_line_too_long_to_be_read_is_said_to_be_skipped() -> None:
    report = check("1ポイント" * 20_001, thread(1, EARLY))
    assert report.checked == ()
    assert "line 4" in report.notes[-1]


@pytest.mark.slow
def test_a_file_full_of_claims_is_checked_to_its_end() -> None:
    report = check("803ポイント、636コメント。\n" * 10_000, thread(1, EARLY))
    assert len(report.contradicted) == 10_000
    report = check("803ポイント、" * 10_000, thread(1, EARLY))
    assert len(report.contradicted) == 10_000


READINGS = st.lists(st.integers(0, 5_000), min_size=1, max_size=8).map(
    lambda counts: tuple(
        Reading(at("2026-02-05T20:00") + 14_400 * i, count, None)
        for i, count in enumerate(sorted(counts))
    )
)


@pytest.mark.slow
@given(READINGS, st.data())
def test_a_number_that_was_read_before_the_digest_was_due_is_never_contradicted(
    readings: tuple[Reading, ...], data: st.DataObject
) -> None:
    due = [one for one in readings if one.time >= at("2026-02-06T15:00")]
    reading = data.draw(st.sampled_from(due or readings[-1:]))
    assert verdict(f"{reading.points:,}ポイント", thread(1, *readings)) is Verdict.CONFIRMED


@pytest.mark.slow
@given(st.integers(0, 100_000))
def test_without_readings_nothing_is_contradicted(count: int) -> None:
    assert verdict(f"{count:,}ポイント", thread(1)) is Verdict.UNKNOWN


def test_a_number_may_be_any_threads_of_the_story_in_the_community_it_names() -> None:
    body = (
        "- **出典**: [Hacker News](https://news.ycombinator.com/item?id=1)、"
        "[Hacker News](https://news.ycombinator.com/item?id=2)\n"
        "- **注目ポイント**: Hacker Newsでは{}ポイントです。"
    )
    one, two = thread(1, EARLY), thread(2, replace(EARLY, points=300))
    assert verdict(body.format("1,510"), one, two) is Verdict.CONFIRMED
    assert verdict(body.format("300"), one, two) is Verdict.CONFIRMED
    assert verdict(body.format("200"), one, two) is Verdict.CONTRADICTED
