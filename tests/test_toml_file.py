"""The shared reader of TOML files; the files with settings test it through their own readers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shiomi.toml_file import TableReader, load_toml, nearest


@dataclass(frozen=True)
class Oven:
    degrees: float
    racks: tuple[str, ...] = ()
    hot: bool | None = None


class Strict(TableReader):
    def wrong(self, key: str, what: str) -> None:
        raise ValueError(f"{key} {what}")


def test_a_table_becomes_its_dataclass() -> None:
    table = {"degrees": 200, "racks": ["a"], "hot": True}
    assert Strict().table(Oven, table, "oven") == Oven(200.0, ("a",), True)


def test_keys_that_a_table_leaves_out_are_as_in_the_default() -> None:
    assert Strict().table(Oven, {"racks": []}, "oven", Oven(7.0, ("a",))) == Oven(7.0)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (3, "oven must be a table, written [oven]; got 3"),
        ({"degres": 1}, "oven.degres is not a known key; did you mean degrees?"),
        ({"colour": 1}, "oven.colour is not a known key; known here: degrees, hot, racks"),
        ({}, "oven needs the key degrees"),
        ({"degrees": True}, "oven.degrees must be a number; got True"),
        ({"degrees": 1, "racks": "a"}, """oven.racks must be a list, like ["a", "b"]; got 'a'"""),
        ({"degrees": 1, "racks": [1]}, "oven.racks[0] must be a string in quotes; got 1"),
    ],
)
def test_a_problem_names_the_key_the_value_and_what_is_allowed(table: object, says: str) -> None:
    with pytest.raises(ValueError, match="oven") as caught:
        Strict().table(Oven, table, "oven")
    assert str(caught.value) == says


def test_broken_toml_is_the_error_of_the_caller() -> None:
    for text in ("x = [", "a = " + "[" * 5000):
        with pytest.raises(KeyError, match=r"y\.toml is not valid TOML"):
            load_toml(text, KeyError, "y.toml")


def test_a_long_name_is_compared_by_its_beginning() -> None:
    assert nearest("wach" + "h" * 9000, ["watch"]) == "known here: watch"
    assert nearest("wach", ["watch", "wait"]) == "did you mean watch?"


@pytest.mark.parametrize("line", ["language = “ja”", "topics = ８", "a\u3000= 1"])
def test_a_character_of_an_input_method_is_named(line: str) -> None:
    with pytest.raises(LookupError) as caught:
        load_toml(f"x = 1\n{line}\n", LookupError, "y.toml")
    (found,) = (one for one in "“８\u3000" if one in line)
    assert repr(found) in str(caught.value)
    assert "must be ASCII" in str(caught.value)
