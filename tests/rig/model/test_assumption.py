"""A model whose architecture nobody here knows: read, but never without saying what was assumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.estimates import estimates
from shiomi.rig.estimate.fit import fit_model
from shiomi.rig.estimate.memory import memory
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.use import USES, judge_model
from shiomi.rig.machine.machine import Machine
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.architectures import is_known
from shiomi.rig.model.gguf_model import read_gguf
from shiomi.rig.model.hf_config import read_config
from shiomi.rig.model.known_models import KnownModel, known_models
from shiomi.rig.model.model import Model
from shiomi.rig.report.estimates_report import estimates_json, estimates_text
from shiomi.rig.report.fit_report import fit_json, fit_text
from shiomi.rig.report.wording import text_of, texts_of
from tests.rig.gguf_files import BLOCKS, attention, feed_forward, outer, write_gguf

CONFIGS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "rig" / "configs.json").read_text("utf-8")
)
LLAMA = {**CONFIGS["Llama-3-8B"], "name": "8B"}
KNOWN = read_config(LLAMA, name="8B")
STRANGE = read_config({**LLAMA, "model_type": "frobnicator"}, name="8B")
MACHINE = simulated("RTX 3090, 64 GB DDR4-3200 2ch")
SETTING = Setting(quantisation="Q4_K_M", context=8192)


def found(model: Model, machine: Machine = MACHINE, **more: Any) -> Any:
    return estimates(model, machine, SETTING, **more)


def test_every_model_that_is_shipped_or_recorded_is_of_a_known_architecture() -> None:
    models = [x.model for x in known_models()]
    models += [read_config(config, name=name) for name, config in CONFIGS.items()]
    assert [x.architecture for x in models if x.assumed is not None] == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_unknown_architecture_is_named_with_what_was_assumed_of_it(language: str) -> None:
    text = estimates_text(STRANGE, MACHINE, SETTING, found(STRANGE), language)
    words = {"en": "attend to the whole context", "ja": "コンテキスト全体を見るものと仮定"}
    assert "frobnicator" in text
    assert words[language] in text
    known = estimates_text(KNOWN, MACHINE, SETTING, found(KNOWN), language)
    assert words[language] not in known


def test_each_estimate_that_rests_on_the_layers_says_so_and_is_less_sure() -> None:
    sure, strange = found(KNOWN), found(STRANGE)
    pairs = [(getattr(sure.memory, x), getattr(strange.memory, x)) for x in ("weights", "kv")]
    pairs += [(sure.memory.total, strange.memory.total), (sure.memory.host, strange.memory.host)]
    pairs += [(sure.known[x], strange.known[x]) for x in ("decode", "prefill", "first_token")]
    pairs += [(sure.known["yen"], strange.known["yen"])]
    for known, doubted in pairs:
        assert doubted.value == known.value
        assert doubted.low < known.low
        assert doubted.high > known.high
        assert "frobnicator" in texts_of(doubted.basis)
        assert "not known" not in texts_of(known.basis)
    assert strange.memory.kv.low < sure.memory.kv.value / 7


def test_a_program_is_told_of_it_too() -> None:
    document = estimates_json(STRANGE, MACHINE, SETTING, found(STRANGE))
    assert "frobnicator" in document["assumed"]
    assert "frobnicator" in document["decode"]["basis"]
    assert estimates_json(KNOWN, MACHINE, SETTING, found(KNOWN))["assumed"] is None


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_table_of_models_says_which_of_them_is_read_by_assumption(language: str) -> None:
    known = KnownModel(STRANGE)
    runs = fit_model(known, MACHINE)
    assert runs is not None
    text = fit_text(MACHINE, [runs], {}, USES["chat"], of=1, language=language)
    assert text.count("frobnicator") == 1
    assert any(line.startswith("8B: ") for line in text.splitlines())
    (row,) = fit_json(MACHINE, [runs], {}, USES["chat"])["models"]
    assert "frobnicator" in row["assumed"]


def test_on_a_cpu_and_with_a_measurement_the_doubt_remains() -> None:
    ram = simulated("64 GB DDR4-3200 2ch")
    measured = Calibration(1.1, 1.0, "plain", 50.0, "x Q4_K_M")
    for machine, more in ((ram, {}), (MACHINE, {"calibration": measured})):
        sure = found(KNOWN, machine, **more).known["decode"]
        doubted = found(STRANGE, machine, **more).known["decode"]
        assert doubted.low < sure.low
        assert doubted.high > sure.high
        assert "frobnicator" in texts_of(doubted.basis)


def test_a_card_is_planned_only_where_the_model_surely_fits_at_its_largest() -> None:
    use = replace(USES["chat"], setting=Setting(quantisation="Q5_K_M"))
    assert judge_model(KnownModel(KNOWN), use)(simulated("RTX 3060 Ti")) is not None
    assert judge_model(KnownModel(STRANGE), use)(simulated("RTX 3060 Ti")) is None
    able = judge_model(KnownModel(STRANGE), use)(simulated("RTX 3090"))
    assert able is not None
    assert able.runs.decode is not None
    assert "frobnicator" in texts_of(able.runs.decode.basis)


def test_where_the_config_names_the_kinds_only_their_shape_is_assumed() -> None:
    said = {**LLAMA, "model_type": "frobnicator", "layer_types": ["full_attention"] * 32}
    model = read_config(said, name="8B")
    kv = memory(model, Setting(quantisation="Q4_K_M", context=8192)).kv
    assert "usual shape of their kinds" in texts_of(kv.basis)
    assert kv.low > kv.value / 2


def test_a_known_mixture_of_kinds_that_does_not_name_them_is_no_plain_model() -> None:
    config = {k: v for k, v in CONFIGS["Qwen3.5 27B"]["text_config"].items() if k != "layer_types"}
    config.pop("full_attention_interval", None)
    model = read_config(config, name="27B")
    assert model.assumed is not None
    assert "the kinds of the layers of qwen3_5_text" in text_of(model.assumed.message)


@pytest.mark.parametrize(("architecture", "sure"), [("llama", True), ("frobnicator", False)])
def test_of_a_file_the_weights_are_sure_and_its_attention_is_not(
    tmp_path: Path, architecture: str, sure: bool
) -> None:
    tensors = outer(64, 100) | attention(0, 64, 32) | feed_forward(0, 64, 128)
    path = write_gguf(tmp_path / "m.gguf", architecture, {**BLOCKS, "block_count": 1}, tensors)
    model = read_gguf(path)
    need = memory(model, Setting(context=4096))
    assert need.weights.low == need.weights.high
    assert ("frobnicator" in texts_of(need.kv.basis)) is not sure
    assert (need.kv.low < need.kv.value / 7) is not sure


@pytest.mark.parametrize("name", ["\x1b[31mred", "a; b", "x" * 10_000, "{what}", "猫"])
def test_a_hostile_name_is_shown_as_far_as_it_can_be_a_name(name: str) -> None:
    model = read_config({**LLAMA, "model_type": name}, name="8B")
    assert model.assumed is not None
    assert len(text_of(model.assumed.message)) < 200
    assert text_of(model.assumed.message).isprintable()
    assert "{" not in text_of(model.assumed.message)
    assert "仮定" in text_of(model.assumed.message, "ja")


def test_a_name_is_known_only_in_the_format_it_belongs_to() -> None:
    assert is_known("qwen3_next", "config")
    assert not is_known("qwen3_next", "gguf")
    assert is_known("qwen3next", "gguf")
