from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.tables import TableError, key_lines, nearest, read_table


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True)
class Month:
    year: int
    month: int


@dataclass(frozen=True)
class Rule:
    path: str
    action: Action = Action.DENY


@dataclass(frozen=True)
class Server:
    host: str = "127.0.0.1"
    port: int = 8080
    weight: float = 1.0
    archive: Path = Path("archive.sqlite3")
    verbose: bool = False
    timeout: float | None = None
    since: Month = Month(2025, 1)
    rules: tuple[Rule, ...] = ()
    default: Rule = Rule("/")
    by_purpose: Mapping[Action, str] | None = None


def month(value: object) -> Month:
    found = re.fullmatch(r"(\d{4})-(\d\d)", str(value))
    if not found:
        raise ValueError(f"must be a month such as 2025-04, got {value!r}")
    return Month(int(found[1]), int(found[2]))


def read(text: str, *, default: Server | None = None, folder: Path = Path()) -> Server:
    table = tomllib.loads(text)
    return read_table(Server, table, convert={Month: month}, default=default, folder=folder)


def problem(text: str) -> str:
    with pytest.raises(TableError) as raised:
        read(text)
    return str(raised.value)


def test_what_a_table_leaves_out_is_the_default() -> None:
    assert read("") == Server()


def test_every_kind_of_field_is_read() -> None:
    text = """
    port = 1
    weight = 2
    archive = "a.sqlite3"
    timeout = 0.5
    since = "2025-04"
    default.path = "/x"
    by_purpose = {allow = "yes"}
    [[rules]]
    path = "/a"
    action = "allow"
    """
    server = read(text, folder=Path("/srv"))
    assert server == Server(
        port=1,
        weight=2.0,
        archive=Path("/srv/a.sqlite3"),
        timeout=0.5,
        since=Month(2025, 4),
        default=Rule("/x"),
        by_purpose={Action.ALLOW: "yes"},
        rules=(Rule("/a", Action.ALLOW),),
    )
    assert type(server.weight) is float


def test_a_default_path_is_in_the_folder_of_the_file() -> None:
    assert read("", folder=Path("/srv")).archive == Path("/srv/archive.sqlite3")


def test_a_table_changes_only_its_own_keys_of_a_given_default() -> None:
    assert read("port = 1", default=Server(host="h")) == Server(host="h", port=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "prot: unknown key; did you mean port?"),
        ("zzz = 1", "known here: archive, by_purpose, default"),
        ('port = "80"', "port: must be a whole number, got '80'"),
        ("port = true", "port: must be a whole number, got True"),
        ('archive = ""', "archive: must be a path that is not empty, got ''"),
        ("default = 1", "default: must be a table, got 1"),
        ("rules = 1", "rules: must be a list of tables [[rules]], got 1"),
        ("[[rules]]", "rules[0].path: is missing"),
        ('[[rules]]\npath="/"\naction="alow"', "must be one of allow, deny; got 'alow'"),
        ('since = "May"', "since: must be a month such as 2025-04, got 'May'"),
        ('by_purpose = {alow = "x"}', "by_purpose.alow: unknown key; did you mean allow?"),
    ],
)
def test_a_problem_names_the_key_the_value_and_what_is_allowed(text: str, message: str) -> None:
    assert message in problem(text)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(TableError) as raised:
        read('prot = 1\nhost = 2\n[[rules]]\nacton = "allow"')
    keys = [key for key, _ in raised.value.problems]
    assert keys == ["prot", "host", "rules[0].acton", "rules[0].path"]


def test_a_huge_value_is_cut_in_the_message() -> None:
    assert len(problem(f'port = "{"x" * 10_000}"')) < 120


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists))
def test_no_value_raises_anything_else(value: object) -> None:
    for table in (value, *({name: value} for name in ("port", "rules", "since", "by_purpose"))):
        with suppress(TableError):
            read_table(Server, table, convert={Month: month})


def test_the_nearest_name_is_offered() -> None:
    assert nearest("comunity", ["community", "points"]) == "did you mean community?"
    assert nearest("x" * 100_000, ["community"]) == "known here: community"


def test_each_key_has_its_line() -> None:
    text = 'a = 1\n[b]\n"c" = 2\n[[d]]\ne = 3\n[[d]]\ne = 4\n'
    assert key_lines(text) == {"a": 1, "b": 2, "b.c": 3, "d[0]": 4, "d[0].e": 5, "d[1]": 6} | {
        "d[1].e": 7
    }
