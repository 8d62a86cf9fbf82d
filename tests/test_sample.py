"""The sample that ships with the package: real, small, quoted fairly, and without user names."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from shiomi.digest.thread import Thread
from shiomi.digest.week import Week
from shiomi.sample import (
    SAMPLE_AS_OF,
    SAMPLE_FILES,
    SAMPLE_WEEKS,
    sample_files,
)

ROOT = Path(__file__).parents[1]
COMMUNITIES = {"hackernews", "lobsters", "reddit/programming"}
USER_NAME = re.compile(
    r"(?i)(^|[\s(])/?u/[\w-]+|@\w{2,}|^\s*(posted|submitted|written)?\s*by\s+\w+"
)


def lines_of(name: str) -> list[bytes]:
    (file,) = (file for file in sample_files() if file.name == name)
    return gzip.decompress(file.read_bytes()).splitlines()


def threads_of(name: str) -> list[Thread]:
    decoder = msgspec.json.Decoder(Thread)
    return [decoder.decode(line) for line in lines_of(name)]


@pytest.fixture(scope="module")
def threads() -> dict[str, list[Thread]]:
    return {name: threads_of(name) for name in SAMPLE_FILES}


def build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_sample", ROOT / "tools" / "digest" / "build_sample.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_together_are_at_most_two_megabytes() -> None:
    assert sum(len(file.read_bytes()) for file in sample_files()) <= 2_000_000


def test_every_line_is_a_thread_of_one_of_the_three_communities(
    threads: dict[str, list[Thread]],
) -> None:
    for held in threads.values():
        assert held
        assert {thread.community for thread in held} <= COMMUNITIES


def test_a_line_holds_the_fields_of_a_thread_and_no_others() -> None:
    for name in SAMPLE_FILES:
        for line in lines_of(name):
            assert set(json.loads(line)) == set(Thread.__dataclass_fields__)


@pytest.mark.parametrize("last", SAMPLE_WEEKS)
def test_a_week_holds_all_three_communities_and_only_its_own_threads(
    threads: dict[str, list[Thread]], last: object
) -> None:
    held = threads[f"{last}.jsonl.gz"]
    (week,) = (Week(day) for day in SAMPLE_WEEKS if day == last)
    assert {thread.community for thread in held} == COMMUNITIES
    assert all(week.start <= thread.created < week.end for thread in held)
    assert len({thread.uid for thread in held}) == len(held)


@pytest.mark.parametrize("last", SAMPLE_WEEKS)
def test_at_least_three_stories_of_a_week_are_shared_by_two_communities(
    threads: dict[str, list[Thread]], last: object
) -> None:
    by_address: dict[str, set[str]] = defaultdict(set)
    for thread in threads[f"{last}.jsonl.gz"]:
        if thread.url:
            by_address[thread.url].add(thread.community)
    assert sum(len(communities) >= 2 for communities in by_address.values()) >= 3


def test_the_weeks_before_end_where_the_first_week_begins(threads: dict[str, list[Thread]]) -> None:
    before = threads["before.jsonl.gz"]
    assert max(thread.created for thread in before) < Week(SAMPLE_WEEKS[0]).start
    assert min(thread.created for thread in before) >= Week(SAMPLE_WEEKS[0]).before(3).start
    assert all(len(thread.readings) == 1 for thread in before)


def test_readings_are_in_order_of_time_and_none_is_later_than_stated(
    threads: dict[str, list[Thread]],
) -> None:
    for held in threads.values():
        for thread in held:
            times = [reading.time for reading in thread.readings]
            assert times == sorted(set(times))
            assert all(thread.created <= time <= SAMPLE_AS_OF for time in times)


def test_only_hacker_news_has_readings_with_an_exact_time(threads: dict[str, list[Thread]]) -> None:
    for held in threads.values():
        for thread in held:
            exact = thread.community == "hackernews"
            assert all(reading.exact is exact for reading in thread.readings)


def test_a_zero_of_reddit_is_unknown(threads: dict[str, list[Thread]]) -> None:
    points = [
        reading.points
        for held in threads.values()
        for thread in held
        if thread.community == "reddit/programming"
        for reading in thread.readings
    ]
    assert 0 not in points
    assert None in points


def test_an_earlier_title_differs_from_the_last_one(threads: dict[str, list[Thread]]) -> None:
    last = {t.uid: t.title for name in SAMPLE_FILES[1:] for t in threads[name]}
    earlier = threads["earlier-titles.jsonl.gz"]
    assert all(thread.title != last[thread.uid] for thread in earlier)
    assert all(not thread.readings and not thread.passages for thread in earlier)


def test_texts_are_only_short_excerpts_each_with_its_page(threads: dict[str, list[Thread]]) -> None:
    for held in threads.values():
        for thread in held:
            assert sum(len(passage.text) for passage in thread.passages) <= 400
            for passage in thread.passages:
                assert passage.text.strip() == passage.text != ""
                assert passage.link.startswith(("https://", "http://"))


def test_no_excerpt_names_a_user(threads: dict[str, list[Thread]]) -> None:
    texts = [p.text for held in threads.values() for t in held for p in t.passages]
    assert [text for text in texts if USER_NAME.search(text)] == []


def test_origin_and_licences_are_stated_beside_the_files() -> None:
    origin = (files("shiomi.sample") / "ORIGIN.md").read_text(encoding="utf-8")
    for source in ("hn-history", "hackernews-post-datasets", "hackernews-lobsters-pairs"):
        assert source in origin
    assert "licence" in origin
    for name in SAMPLE_FILES:
        assert name in origin


@pytest.mark.slow
def test_building_again_from_the_source_data_gives_the_shipped_files(shared_data: Path) -> None:
    build_sample = build_script()
    built = build_sample.build(shared_data, build_sample.EXCERPTS)
    assert set(built) == set(SAMPLE_FILES)
    for file in sample_files():
        assert gzip.decompress(file.read_bytes()) == built[file.name]
