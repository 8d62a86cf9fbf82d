"""The shipped models have the shapes they are published with; names are resolved exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.rig.errors import AmbiguousPartError, ModelFileError, UnknownPartError
from shiomi.rig.model.known_models import KnownModel, find_model, known_models, read_model_file
from tests.rig.gguf_files import llama

MODELS = known_models()
EXAMPLE = """
name = "Mine-8B"
aliases = ["mine"]
released = "2026-01"
languages = ["ja"]
purposes = ["chat", "code"]
source = "config.json of mine"

[config]
model_type = "llama"
num_hidden_layers = 32
hidden_size = 4096
intermediate_size = 14336
num_attention_heads = 32
num_key_value_heads = 8
vocab_size = 128256
max_position_embeddings = 8192
tie_word_embeddings = false
"""


@pytest.mark.parametrize("known", MODELS, ids=lambda x: x.name)
def test_a_shipped_model_says_where_it_is_from_and_can_be_found_by_each_name(
    known: KnownModel,
) -> None:
    assert known.model.source
    assert known.licence
    assert known.released
    assert known.languages
    assert known.model.context_length
    for name in (known.name, *known.aliases, known.name.upper(), known.name.replace("-", " ")):
        assert find_model(name, MODELS) is known


def test_published_parameters_come_to_the_shape_within_a_thousandth() -> None:
    import tomllib
    from importlib import resources

    said = {
        x["name"]: x["parameters"]
        for file in resources.files("shiomi.rig.model").joinpath("models").iterdir()
        if "parameters" in (x := tomllib.loads(file.read_text("utf-8")))
    }
    assert len(said) > 35
    for known in MODELS:
        if known.name in said:
            assert known.model.parameters == pytest.approx(said[known.name], rel=1e-3), known.name


def test_a_name_that_may_be_several_is_asked_back_and_a_near_one_is_not_taken() -> None:
    with pytest.raises(AmbiguousPartError, match="Qwen3-8B"):
        find_model("qwen3", MODELS)
    with pytest.raises(UnknownPartError, match=r"nearest are: .*Qwen3-8B"):
        find_model("qwen3-9b", MODELS)
    with pytest.raises(UnknownPartError):
        find_model("", MODELS)
    with pytest.raises(UnknownPartError):
        find_model("\0" * 10_000, MODELS)


def test_a_file_of_ones_own_adds_a_model_and_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not read")
    models = known_models(tmp_path)
    assert len(models) == len(MODELS) + 1
    assert find_model("mine", models).purposes == ("chat", "code")
    text = EXAMPLE.replace("Mine-8B", "QWEN3-8b").replace('"mine"', "")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert len(known_models(tmp_path)) == len(MODELS)
    own = find_model(str(tmp_path / "mine.toml"), []).model
    assert own.parameters == pytest.approx(8_030_261_248, rel=1e-5)


def test_a_gguf_or_config_is_a_model_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "Mine-8B"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"intermediate_size":128,'
        '"num_attention_heads":4,"vocab_size":1000}'
    )
    assert find_model(str(folder / "config.json"), []).name == "Mine-8B"
    llama(tmp_path / "tiny.gguf", tokens=300)
    assert read_model_file(tmp_path / "tiny.gguf").model.file_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "Mine-8B"', "", "has no name"),
        ('source = "config.json of mine"', "", "has no source"),
        ("languages", "langages", "did you mean languages?"),
        ('"2026-01"', '"2026"', "must be a month"),
        ('"code"', '"cooking"', "must be one of"),
        ('languages = ["ja"]', "languages = [1]", "languages"),
        ("num_hidden_layers = 32", "num_hidden_layers = 1000000000", "num_hidden_layers"),
        ('source = "config.json of mine"', 'source = "x"\nparameters = 528000', "one of the two"),
        ('source = "config.json of mine"', 'source = "x"\nquantisations = ["Q4_X"]', "Q4_X"),
        ("[config]", "[config", "not TOML"),
        ('"ja"', '"' + "j" * 300_000 + '"', "more than"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_named(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in EXAMPLE
    (tmp_path / "mine.toml").write_text(EXAMPLE.replace(old, new), encoding="utf-8")
    with pytest.raises(Exception, match=said) as caught:
        known_models(tmp_path)
    assert type(caught.value).__module__ == "shiomi.rig.errors"


def test_a_file_in_another_encoding_or_a_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(EXAMPLE.encode("utf-16"))
    with pytest.raises(ModelFileError, match="UTF-8"):
        known_models(tmp_path)
    with pytest.raises(ModelFileError, match="cannot be listed"):
        known_models(tmp_path / "absent")
