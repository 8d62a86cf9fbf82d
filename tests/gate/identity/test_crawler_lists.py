"""The file of patterns: made from lists whose mistakes are found before they count."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from shiomi.gate.errors import DataError
from shiomi.gate.identity.crawler_lists import (
    format_patterns,
    join_patterns,
    parse_ai_robots,
    parse_crawlers,
)
from shiomi.gate.identity.user_agents import Pattern, UserAgents, parse_patterns, read_patterns
from shiomi.gate.purpose import Purpose
from shiomi.gate.text_file import parse_json

PATTERNS = read_patterns()
AI = {Purpose.AI_TRAINING, Purpose.AI_SEARCH, Purpose.USER_FETCH}


def crawlers(*entries: object) -> list[Pattern]:
    return parse_crawlers(list(entries), where="list.json")


def test_the_tags_of_a_pattern_say_what_it_is_for() -> None:
    found = crawlers(
        {"pattern": "One", "tags": ["search-engine", "ai-crawler"], "instances": []},
        {"pattern": "Two", "tags": ["seo"], "instances": []},
        {"pattern": "Three", "instances": []},
        {"pattern": "Four", "tags": ["feed-reader"]},
    )
    assert [pattern.client.purpose for pattern in found] == [
        Purpose.AI_TRAINING, Purpose.LIBRARY, Purpose.LIBRARY, Purpose.FEED_READER,
    ]  # fmt: skip


def test_a_pattern_begins_a_word_unless_its_own_example_says_otherwise() -> None:
    (word,) = crawlers({"pattern": "NING\\/", "instances": ["NING/1.0"]})
    (part,) = crawlers({"pattern": "sitebot", "instances": ["Whoiswebsitebot/0.1"]})
    assert UserAgents([word]).client("Lightning/1.0").name == "unknown client"
    assert UserAgents([part]).client("Whoiswebsitebot/0.1").name == "sitebot"


def test_a_client_our_table_knows_keeps_its_purpose_whatever_the_lists_say() -> None:
    joined = UserAgents(
        join_patterns(
            crawlers({"pattern": "ChatGPT-User", "tags": ["ai-crawler"]}),
            parse_ai_robots({"Applebot": {}, "facebookexternalhit": {}, "NewBot": {}}, where="r"),
        )
    )
    assert joined.client("ChatGPT-User/1.0").purpose is Purpose.USER_FETCH
    assert joined.client("Applebot/0.1").purpose is Purpose.MIXED
    assert joined.client("facebookexternalhit/1.1").purpose is Purpose.LINK_PREVIEW
    assert joined.client("NewBot/1.0").purpose is Purpose.AI_TRAINING


def test_what_is_written_is_read_alike() -> None:
    entries = [{"pattern": regex} for regex in ("One", "#Two", "!Three", "-", "[fF]our|five")]
    patterns = join_patterns(crawlers(*entries), [])
    text = format_patterns(patterns, origins={"made by": "a test"})
    assert text.startswith("# made by: a test\n")
    assert parse_patterns(text, where="here") == patterns


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "a list of patterns"),
        ("[]", "a list of patterns"),
        ("[3]", "entry 1"),
        ('[{"pattern": "a"}, {"pattern": 3}]', "entry 2"),
        ('[{"pattern": "a\\tb"}]', "entry 1"),
        ('[{"pattern": ""}]', "entry 1"),
        ('[{"pattern": "a", "tags": 3}]', "entry 1"),
        ('[{"pattern": "(?=a)"}]', "entry 1"),
        ('[{"pattern": ".*"}]', "matches every text"),
        ('[{"pattern": "a?"}]', "matches every text"),
        ('[{"pattern": "a", "instances": 3}]', "entry 1"),
    ],
)
def test_a_wrong_list_is_refused_with_the_entry(text: str, says: str) -> None:
    with pytest.raises(DataError, match=r"^list\.json") as caught:
        parse_crawlers(parse_json(text, "list.json"), where="list.json")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a\\nb": {}}', '{"": {}}'])
def test_a_wrong_list_of_names_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^robots\.json"):
        parse_ai_robots(parse_json(text, "robots.json"), where="robots.json")


def test_the_shipped_file_is_what_the_script_makes(shared_data: Path) -> None:
    lists = shared_data / "gate"
    crawler_list = lists / "crawler-user-agents" / "crawler-user-agents.json"
    ai_robots = lists / "ai.robots.txt" / "robots.json"
    made = join_patterns(
        parse_crawlers(json.loads(crawler_list.read_text(encoding="utf-8")), where="crawlers"),
        parse_ai_robots(json.loads(ai_robots.read_text(encoding="utf-8")), where="robots"),
    )
    assert made == read_patterns()


@pytest.mark.slow
def test_of_the_lists_own_examples_every_ai_crawler_is_known_and_nothing_good_is_refused(
    shared_data: Path,
) -> None:
    path = shared_data / "gate" / "crawler-user-agents" / "crawler-user-agents.json"
    agents = UserAgents(read_patterns())
    found: Counter[str] = Counter()
    for entry in json.loads(path.read_text(encoding="utf-8")):
        for agent in entry["instances"]:
            purpose = agents.client(agent).purpose
            if "ai-crawler" in entry["tags"]:
                found["ai"] += 1
                assert purpose in AI, agent
            elif {"archiver", "feed-reader", "social-preview"} & set(entry["tags"]):
                found["kept"] += 1
                if purpose in {Purpose.AI_TRAINING, Purpose.AI_SEARCH}:
                    found["refused"] += 1
                    assert entry["pattern"] in {"AwarioRssBot", "meta-webindexer"}, agent
    assert found["ai"] == 98
    assert found["kept"] > 200


def test_every_pattern_has_a_client_with_a_name_in_one_line() -> None:
    assert all(pattern.client.name.isprintable() and pattern.client.name for pattern in PATTERNS)
