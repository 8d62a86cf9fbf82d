"""`shiomi gate update`: newer lists come in whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli.gate.update import update
from shiomi.gate.errors import DataError
from shiomi.gate.identity import load_tables
from shiomi.gate.identity.update import Change, Source, read_update, write_update
from shiomi.gate.identity.user_agents import read_patterns
from shiomi.gate.purpose import Purpose

CRAWLERS = [
    {"pattern": "NewCrawler\\/", "tags": ["ai-crawler"], "instances": ["NewCrawler/1.0"]},
    {"pattern": "NewReader", "tags": ["feed-reader"], "instances": []},
]
GOOGLE = {
    "creationTime": "2026-11-01T00:00:00",
    "prefixes": [{"ipv4Prefix": "192.0.2.0/27"}, {"ipv6Prefix": "2001:db8::/64"}],
}
AMAZON = {
    "prefixes": [{"ip_prefix": "192.0.2.0/24", "region": "x"}],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/40"}],
}
DAY = "2026-11-25"


def put(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def refresh(folder: Path, *sources: Path | Source) -> list[Change]:
    read = read_update(s if isinstance(s, Source) else Source(s) for s in sources)
    return write_update(read, folder, date=DAY)


def test_what_is_given_stands_in_place_of_what_was_there_and_the_rest_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    refresh(data, put(tmp_path, "list.json", CRAWLERS))
    agents = load_tables(data).agents
    assert agents.client("NewCrawler/1.0").purpose is Purpose.AI_TRAINING
    assert agents.client("NewReader").purpose is Purpose.FEED_READER
    assert agents.client("GPTBot").operator == "OpenAI", "by our own table"
    assert agents.client("Mozilla/5.0 (X11; Linux) Gecko/1 Firefox/140.0").name == "browser"
    refresh(data, put(tmp_path, "robots.json", {"LaterBot": {"operator": "x"}}))
    agents = load_tables(data).agents
    assert agents.client("LaterBot").purpose is Purpose.AI_TRAINING
    assert agents.client("NewCrawler/1.0").purpose is Purpose.AI_TRAINING
    refresh(data, put(tmp_path, "list.json", CRAWLERS[1:]))
    agents = load_tables(data).agents
    assert agents.client("LaterBot").purpose is Purpose.AI_TRAINING, "of the list not given again"


def test_ranges_are_called_what_their_file_is_called_or_what_the_operator_says(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    changes = refresh(
        data,
        put(tmp_path, "googlebot.json", GOOGLE),
        Source(put(tmp_path, "a.json", AMAZON), "openai"),
        Source(put(tmp_path, "b.txt", "# ours\n198.51.100.0/24\n"), "openai"),
        Source(put(tmp_path, "c.txt", "203.0.113.1\n"), "office"),
    )
    assert [(change.name, change.after) for change in changes] == [
        ("ranges/googlebot", 2), ("ranges/office", 1), ("ranges/openai", 3),
    ]  # fmt: skip
    ranges = load_tables(data).ranges
    assert ranges.lookup("192.0.2.1") == {"googlebot", "openai"}
    assert ranges.lookup("2001:db8::1") == {"googlebot", "openai"}
    assert ranges.lookup("203.0.113.1") == {"office"}
    assert "googlebot" not in ranges.lookup("66.249.64.1")
    assert "bing" in ranges.names


@pytest.mark.slow
def test_both_real_lists_give_what_the_package_ships(shared_data: Path, tmp_path: Path) -> None:
    lists = shared_data / "gate"
    (change,) = refresh(
        tmp_path / "data",
        lists / "crawler-user-agents" / "crawler-user-agents.json",
        lists / "ai.robots.txt" / "robots.json",
    )
    assert change.before == change.after
    assert read_patterns(tmp_path / "data") == read_patterns()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "", "not valid JSON"),
        ("a.json", '{"prefixes": [', "not valid JSON"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.json", "3", "must be"),
        ("a.json", {}, "must be"),
        ("a.json", {"prefixes": 3}, "must be"),
        ("a.json", [{"pattern": "("}], "entry 1"),
        ("bing.json", {"prefixes": [{}]}, "prefix 1"),
        ("bing.json", {"prefixes": [None]}, "prefix 1"),
        ("bing.json", {"prefixes": [{"ipv4Prefix": 3}]}, "prefix 1"),
        ("bing.json", {"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}, {"ipv4Prefix": "x"}]},
         "prefix 2"),
        ("bing.json", {"prefixes": []}, "has no network"),
        ("bing.json", {"prefixes": [{"ipv4Prefix": "0.0.0.0/0"}]}, "too large to belong"),
        ("bing.txt", "2000::/3\n", "too large to belong"),
        ("bing.txt", "", "has no network"),
        ("bing.txt", "192.0.2.0/24\n\nexample.org\n", "line 3"),
        ("bing.txt", "<!DOCTYPE html>\n<html>", "line 1"),
        ("whose.txt", "192.0.2.0/24\n", "NAME="),
    ],
)  # fmt: skip
def test_a_file_with_anything_wrong_in_it_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, content: object, says: str
) -> None:
    data = tmp_path / "data"
    good = put(tmp_path, "googlebot.json", GOOGLE)
    with pytest.raises(DataError) as caught:
        refresh(data, good, put(tmp_path, name, content))
    assert name in str(caught.value)
    assert says in str(caught.value)
    assert not data.exists()


@pytest.mark.parametrize("name", ["../openai", "Open AI", "a/b", "a\0b", ".."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="lower-case letters"):
        refresh(tmp_path / "data", Source(put(tmp_path, "c.txt", "203.0.113.1\n"), name))


def test_files_that_are_no_text_or_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "bing.txt").write_bytes(b"192.0.2.0/24\n\xff")
    with pytest.raises(DataError, match=r"bing\.txt: byte 13 is not UTF-8"):
        refresh(tmp_path / "data", tmp_path / "bing.txt")
    with pytest.raises(DataError, match=r"missing\.txt"):
        refresh(tmp_path / "data", tmp_path / "missing.txt")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(DataError, match="larger than 64 MiB"):
        refresh(tmp_path / "data", tmp_path / "huge.json")


def test_what_is_in_the_way_of_the_folder_is_said(tmp_path: Path) -> None:
    put(tmp_path, "data", "a file")
    with pytest.raises(DataError, match="cannot be written to"):
        refresh(tmp_path / "data", put(tmp_path, "googlebot.json", GOOGLE))


def test_no_half_written_file_is_left_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    refresh(data, put(tmp_path, "googlebot.json", GOOGLE), put(tmp_path, "list.json", CRAWLERS))
    files = sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())
    assert files == ["ranges/googlebot.txt", "user_agents.tsv"]
    assert DAY in (data / "user_agents.tsv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_says_what_changed_to_people_and_programs(tmp_path: Path) -> None:
    google = str(put(tmp_path, "googlebot.json", GOOGLE))
    office = f"office={put(tmp_path, 'our.txt', '203.0.113.1')}"
    data = str(tmp_path / "data")
    said = CliRunner().invoke(update, [google, office, "--data", data, "--dry-run"])
    assert said.exit_code == 0
    assert "ranges/googlebot           65 ->      2" in said.output
    assert not Path(data).exists()
    said = CliRunner().invoke(update, [google, office, "--data", data, "--json"])
    assert [tuple(change) for change in json.loads(said.output)["changes"]] == [
        ("ranges/googlebot", 65, 2),
        ("ranges/office", 0, 1),
    ]
    assert load_tables(Path(data)).ranges.lookup("203.0.113.1") == {"office"}


def test_a_path_with_an_equals_sign_is_a_path_where_there_is_such_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    path = put(folder, "bing.txt", "192.0.2.0/24\n")
    said = CliRunner().invoke(update, [str(path), "--data", str(tmp_path / "data")])
    assert said.exit_code == 0, said.output
    assert (tmp_path / "data" / "ranges" / "bing.txt").exists()
