"""shiomi.toml."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.config import Config, WatchConfig, load_config, parse_config
from shiomi.digest.errors import ConfigError


def test_an_empty_file_is_the_default_configuration() -> None:
    assert parse_config("") == Config()


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "shiomi.toml").write_text('archive = "a/b.sqlite3"\nout = "/srv/digest"')
    config = load_config(tmp_path / "shiomi.toml")
    assert config.archive == tmp_path / "a/b.sqlite3"
    assert config.out == Path("/srv/digest")
    (tmp_path / "shiomi.toml").write_text("")
    assert load_config(tmp_path / "shiomi.toml").archive == tmp_path / "shiomi.sqlite3"


def test_a_table_array_and_lists_become_tuples() -> None:
    config = parse_config('[[watch]]\nname = "AI規制"\nterms = ["AI regulation", "規制"]')
    assert config.watch == (WatchConfig("AI規制", ("AI regulation", "規制")),)


def test_a_secret_is_read_from_the_named_environment_variable() -> None:
    text = '[sources.reddit]\nclient_secret = "env:SECRET"'
    assert parse_config(text, environment={"SECRET": "s3"}).sources.reddit.client_secret == "s3"
    with pytest.raises(ConfigError, match="SECRET, not set"):
        parse_config(text, environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('archiv = "x"', "unknown key archiv; did you mean archive"),
        ("[sources.redit]", "unknown key sources.redit; did you mean reddit"),
        ("[digest]\ntopic = 3", "unknown key digest.topic; did you mean topics"),
        ('[digest]\ntopics = "3"', "digest.topics must be a whole number; got '3'"),
        ("[digest]\ntopics = true", "digest.topics must be a whole number; got True"),
        ("[digest]\ntopics = 0", "digest.topics is 0; it must be above 0"),
        ("[collect]\nbudget_seconds = nan", "must be above 0"),
        ("watch = 1", r"written \[\[watch\]\]"),
        ('[[watch]]\nname = "x"', r"\[\[watch\]\] lacks terms"),
        ('[[watch]]\nname = "x"\nterms = [" "]', "needs at least one term"),
        ('[[watch]]\nname="x"\nterms=["a"]\n' * 2, "two .* are named 'x'"),
        ('[[watch]]\nname="x"\nterms=[1]', "must be a string in quotes; got 1"),
        ("collect = 3", r"collect is a table"),
        ('timezone = "Mars/Olympus"', "no IANA zone"),
        ('timezone = "../../etc/passwd"', "no IANA zone"),
        ('site = "javascript:alert(1)"', "no http:// or https:// address"),
        ('[writer]\nendpoint = "http://127.0.0.1:8080/v1"', "name the model"),
        ("archive = ''", "a path in quotes, not empty"),
        ("x = [", "not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(text)


def test_a_file_that_cannot_be_read_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shiomi init"):
        load_config(tmp_path / "shiomi.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "utf16.toml").write_bytes('archive = "潮"'.encode("utf-16"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "utf16.toml")


@given(st.text())
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_config(text), Config)
