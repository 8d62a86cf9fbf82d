"""shiomi.toml."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.config import Config, WatchConfig, load_config, parse_config, secret
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


def test_a_known_subject_has_shipped_words_that_ones_own_replace() -> None:
    known = parse_config('[[watch]]\nknown = "AI規制"').watch[0]
    assert known.name == "AI規制"
    assert "regulat*" in known.also
    own = parse_config('[[watch]]\nknown = "AI規制"\nname = "x"\nalso = ["tax"]').watch[0]
    assert (own.name, own.also, own.terms) == ("x", ("tax",), known.terms)


def test_a_secret_is_read_from_the_named_environment_variable_where_it_is_needed() -> None:
    kept = parse_config('[sources.reddit]\nclient_secret = "env:SECRET"').sources.reddit
    assert secret("client_secret", kept.client_secret, {"SECRET": "s3"}) == "s3"
    assert secret("client_secret", "s4", {}) == "s4"
    with pytest.raises(ConfigError, match=r"client_secret names .* SECRET, not set"):
        secret("client_secret", kept.client_secret, {})


def test_env_is_plain_text_where_no_secret_stands() -> None:
    config = parse_config('[[watch]]\nname = "env:x"\nterms = ["env:HOME"]')
    assert config.watch == (WatchConfig("env:x", ("env:HOME",)),)


def test_a_byte_order_mark_before_the_text_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "shiomi.toml").write_text('language = "en"', encoding="utf-8-sig")
    assert load_config(tmp_path / "shiomi.toml").language == "en"


def test_zero_is_meant_where_it_means_none() -> None:
    config = parse_config("[sources.lobsters]\ncomments = 0\n[digest]\ntrends = 0")
    assert (config.sources.lobsters.comments, config.digest.trends) == (0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('archiv = "x"', "archiv is not a known key; did you mean archive"),
        ("[sources.redit]", "sources.redit is not a known key; did you mean reddit"),
        ("[digest]\ntopic = 3", "digest.topic is not a known key; did you mean topics"),
        ('[digest]\ntopics = "3"', "digest.topics must be a whole number; got '3'"),
        ("[digest]\ntopics = true", "digest.topics must be a whole number; got True"),
        ("[digest]\ntopics = 0", "digest.topics is 0; it must be above 0"),
        ("[collect]\nbudget_seconds = nan", "must be above 0"),
        ('language = "fr"', """language 'fr' is not known here; write "en" or "ja\""""),
        ("[collect]\ndays = 3651", "collect.days is 3651; it must be at most 3650"),
        ("[digest]\nweeks_compared = 521", "weeks_compared is 521; it must be at most 520"),
        ("[digest]\ntrends = -1", "digest.trends is -1; it must be 0 or above"),
        ("[sources.hackernews]\nmin_points = -1", "min_points is -1; it must be 0 or above"),
        ("[sources.hackernews]\ncomments = -1", "hackernews.comments is -1"),
        ("[sources.lobsters]\ncomments = -1", "lobsters.comments is -1"),
        ("[sources.reddit]\ncomments = -1", "reddit.comments is -1"),
        ("[sources.articles]\nmost = -1", "articles.most is -1"),
        ('[writer]\napi_key = "env:"', "writer.api_key is 'env:'; write \"env:NAME\""),
        ('[[watch]]\nname=" "\nterms=["a"]', r"has the name ' '"),
        ('[[watch]]\nname="x"\nterms=["a"]\nrises_by=0', "rises_by is 0.0; it must be above 0"),
        ('[[watch]]\nname="x"\nterms=["a"]\nrises_by=nan', "rises_by is nan"),
        ('[[watch]]\nname="x"\nterms=["a"]\nrises_by=inf', "rises_by is inf"),
        ("watch = 1", r"written \[\[watch\]\]"),
        ('[[watch]]\nname = "x"', "needs at least one term"),
        ('[[watch]]\nterms = ["x"]', "has the name ''"),
        ('[[watch]]\nknown = "AI"', "known is 'AI'; shipped here: AI規制"),
        ('[link]\nencoder = "bert"', 'link.encoder is \'bert\'; write "minilm" or ""'),
        ('[[watch]]\nname = "x"\nterms = [" "]', "needs at least one term"),
        ('[[watch]]\nname="x"\nterms=["a"]\n' * 2, "two .* are named 'x'"),
        ('[[watch]]\nname="x"\nterms=[1]', "must be a string in quotes; got 1"),
        ("collect = 3", r"collect must be a table"),
        ('timezone = "Mars/Olympus"', "no IANA zone"),
        ('timezone = "../../etc/passwd"', "no IANA zone"),
        ('site = "javascript:alert(1)"', "no http:// or https:// address"),
        ('[writer]\nendpoint = "http://127.0.0.1:8080/v1"', "name the model"),
        ("archive = ''", "in quotes, not empty"),
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


@pytest.mark.parametrize(
    "text",
    [
        "[writer]\napi_key = 1234567",
        '[notify]\nurls = "mailto://me:hunter2@example.org"',
        '[sources.reddit]\nfeed_token = ["hunter2"]',
    ],
)
def test_a_secret_of_the_wrong_type_is_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert "1234567" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    assert secret("writer.api_key", f"file:{tmp_path / 'key'}") == "hunter2"
    with pytest.raises(ConfigError, match=r"names .*missing, which cannot be read"):
        secret("writer.api_key", f"file:{tmp_path / 'missing'}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[schedule]\ndigest = "never"', "is not a cron line"),
        ('[run]\nprobe = "9464"', "must be like"),
        ('[run]\nlog = "xml"', 'must be "text" or "json"'),
        ('[[feed]]\nname = "x"', "needs `known`, or `name` and `url`"),
        ('[[feed]]\nname = "reddit"\nurl = "https://x.org/"', "built-in source"),
        ('[[feed]]\nname = "x"\nurl = "ftp://x.org/"', "no http"),
        (
            '[[feed]]\nname = "x"\nurl = "https://x.org/"\nfields = { id = 1 }',
            r"feed\[0\]\.fields\.id must be",
        ),
    ],
)
def test_settings_of_running_and_feeds_are_checked(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(text)
