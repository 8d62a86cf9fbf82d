"""Memory by part and engine: the bars of the measured tables, the rules, and bad settings."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.rig.memory import cells, judged
from hypothesis import given
from hypothesis import strategies as st
from tools.rig.rows import read_table

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.kv_cache import kv_bytes, kv_cache_gib
from shiomi.rig.estimate.memory import fits, memory, usable_gib, weights_gib
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.machine.machine import Gpu, Vendor, lending
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.hf_config import read_config
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import bits_per_weight, find_quantisation, quantisations
from shiomi.rig.report.wording import texts_of

CONFIGS = json.loads(
    (Path(__file__).parents[2] / "data" / "rig" / "configs.json").read_text("utf-8")
)
MODELS = {name: read_config(config, name=name) for name, config in CONFIGS.items()}
LLAMA = MODELS["Llama-3-8B"]
ENGINE_TYPES = st.sampled_from(
    [("llama.cpp", "f16"), ("llama.cpp", "q8_0"), ("vllm", "bf16"), ("vllm", "fp8")]
)


def gpu(memory_gib: float, vendor: Vendor = Vendor.NVIDIA) -> Gpu:
    return Gpu("a GPU", vendor, "", memory_gib, 500.0, None, None, vendor is Vendor.APPLE)


def test_every_reference_cell_is_within_five_percent(shared_data: Path) -> None:
    assert shared_data.is_dir()
    errors = {cell.row["model"]: cell.error for cell in cells()}
    assert len(errors) >= 13
    assert {name: error for name, error in errors.items() if abs(error) > 0.05} == {}


@pytest.mark.slow
def test_both_out_of_memory_edges_are_judged_right_and_everything_else_fits(
    shared_data: Path,
) -> None:
    assert shared_data.is_dir()
    rows = judged()
    failed = {(r.row["gpu"], r.row["model"], r.row["n"]) for r in rows if not r.ran}
    assert len(failed) == 2
    assert [r for r in rows if r.ran != r.fits] == []


def test_sizes_of_70b_files_follow_from_those_of_8b_files(shared_data: Path) -> None:
    assert shared_data.is_dir()
    for row in read_table("llama3_70b_quant_perplexity.csv"):
        size = weights_gib(MODELS["Llama-3-70B"], row["quant"])
        assert size.low <= float(row["size_gib"]) <= size.high
        assert size.value == pytest.approx(float(row["size_gib"]), rel=0.021)


def test_bits_per_weight_are_those_measured(shared_data: Path) -> None:
    assert shared_data.is_dir()
    for row in read_table("gguf_bpw_llama31_8b.csv"):
        name = row["quant"]
        assert bits_per_weight(name) == float(row["bits_per_weight"])
        assert weights_gib(LLAMA, name).value == pytest.approx(float(row["size_gib"]), rel=0.003)


def test_a_quantisation_is_found_in_any_case_and_never_guessed() -> None:
    assert bits_per_weight("q4_k_m") == bits_per_weight("Q4_K_M") == 4.8944
    assert find_quantisation("fp16").name == "F16"
    with pytest.raises(SettingError, match=r"'Q4_K_XXL' is not known; known are .*Q4_K_M"):
        bits_per_weight("Q4_K_XXL")


def test_every_quantisation_has_its_source_and_possible_bits() -> None:
    for each in quantisations().values():
        assert each.source
        for bits in (each.expert_bits, each.dense_bits, each.embedding_bits, each.output_bits):
            assert 1.5 < bits <= 32


def test_gpt_oss_in_mxfp4_has_the_size_of_its_published_files() -> None:
    # openai/gpt-oss-20b: 13.76 GB of safetensors; ggml-org/gpt-oss-20b-GGUF: 12.11 GB
    model = MODELS["gpt-oss-20b"]
    assert weights_gib(model, "MXFP4").value * 2**30 / 1e9 == pytest.approx(13.76, rel=0.01)
    assert weights_gib(model, "MXFP4_MOE").value * 2**30 / 1e9 == pytest.approx(12.11, rel=0.01)


def test_engines_differ_on_sliding_layers_and_say_so() -> None:
    model = MODELS["Gemma-3 27B"]
    llama_cpp = kv_cache_gib(model, 131072)
    vllm = kv_cache_gib(model, 131072, engine="vllm")
    assert vllm.value > 5 * llama_cpp.value
    assert vllm.low < 1.1 * llama_cpp.value  # later versions of vLLM do cap them
    assert "keep their window only" in texts_of(llama_cpp.basis)
    assert "pages of full length" in texts_of(vllm.basis)


def test_llama_cpp_does_not_cap_mistral() -> None:
    config = {**CONFIGS["Llama-3-8B"], "model_type": "mistral", "sliding_window": 4096}
    model = read_config(config, name="Mistral-7B-v0.1")
    assert kv_bytes(model, 32768, users=1, kv_dtype="f16", engine="llama.cpp") == 4 * 2**30


def test_the_compute_buffer_is_what_llama_cpp_logs() -> None:
    logged = {512: 258.5, 4096: 296.0, 8192: 560.0}  # MiB, Llama 3 8B without flash attention
    for context, size in logged.items():
        need = memory(LLAMA, Setting(quantisation="F16", context=context), flash_attention=False)
        assert need.buffers.value * 1024 == pytest.approx(size, rel=0.005)


def test_the_embedding_table_stays_in_system_memory_unless_tied() -> None:
    need = memory(LLAMA, Setting(quantisation="F16", context=256))
    assert need.host.value == pytest.approx(128256 * 4096 * 2 / 2**30)
    assert need.weights.value + need.host.value == pytest.approx(weights_gib(LLAMA, "F16").value)
    tied = MODELS["Qwen3-0.6B"]
    need = memory(tied, Setting(quantisation="F16", context=256))
    assert need.weights.value == pytest.approx(weights_gib(tied, "F16").value)
    assert need.host.value > 0


def test_vllm_keeps_all_weights_on_the_gpus() -> None:
    need = memory(LLAMA, Setting(quantisation="BF16", context=8192, users=4, engine="vllm"))
    assert need.weights.value == pytest.approx(weights_gib(LLAMA, "BF16").value)
    assert need.host.value == 0


def test_experts_in_ram_leave_little_on_the_gpu() -> None:
    # ollama issue 11772: Qwen3.6-35B-A3B with --cpu-moe takes 2.9 GB
    model = MODELS["Qwen3-30B-A3B"]
    inside = memory(model, Setting(quantisation="Q4_K_M", context=4096))
    beside = memory(model, Setting(quantisation="Q4_K_M", context=4096, place=Place.EXPERTS_IN_RAM))
    assert beside.total.value < 0.15 * inside.total.value
    assert beside.host.value > 15


def test_the_total_is_the_sum_of_its_parts() -> None:
    need = memory(LLAMA, Setting(quantisation="Q4_K_M", context=8192, users=3))
    assert need.total.value == pytest.approx(
        need.weights.value + need.kv.value + need.buffers.value
    )
    assert need.total.unit == need.weights.unit == need.kv.unit == need.host.unit == "GiB"


@pytest.mark.parametrize(
    ("vendor", "size", "share"),
    [
        (Vendor.APPLE, 32, 2 / 3),
        (Vendor.APPLE, 64, 3 / 4),
        (Vendor.APPLE, 96, 3 / 4),
        (Vendor.AMD, 128, 3 / 4),
        (Vendor.INTEL, 32, 1 / 2),
        (Vendor.NVIDIA, 128, 0.9),
    ],
)
def test_shared_memory_gives_the_share_of_its_platform(
    vendor: Vendor, size: float, share: float
) -> None:
    usable = usable_gib(replace(gpu(size, vendor), unified=True))
    assert usable.value == pytest.approx(size * share, abs=0.31)
    assert f"shared_{vendor}" in {getattr(x, "key", "") for x in usable.basis}


def test_the_share_that_the_driver_lends_or_the_reader_names_is_taken() -> None:
    machine = lending(simulated("Strix Halo, 128 GB"), 0.5)
    assert usable_gib(machine.gpus[0]).value == pytest.approx(64, abs=0.31)


def test_experts_of_some_layers_in_ram_move_their_share_of_the_bytes() -> None:
    model = MODELS["Qwen3-30B-A3B"]
    half, whole = (
        memory(
            model,
            Setting(
                quantisation="Q4_K_M", context=4096, place=Place.EXPERTS_IN_RAM, ram_share=share
            ),
        )
        for share in (0.5, 1.0)
    )
    beside = whole.host.value - half.host.value
    assert beside == pytest.approx(half.weights.value - whole.weights.value)
    assert beside > 5


def test_a_card_never_gives_more_than_it_has() -> None:
    for size in (0.1, 2.0, 24.0, 141.0):
        usable = usable_gib(gpu(size))
        assert 0 <= usable.low <= usable.value <= usable.high <= size


def test_what_is_near_the_edge_is_not_called_sure() -> None:
    need = memory(LLAMA, Setting(quantisation="F16", context=8192), flash_attention=False).total
    assert not fits(need, [gpu(16)]).fits
    assert not fits(need, [gpu(16)]).sure
    assert fits(need, [gpu(24)]).sure
    assert not fits(need, [gpu(8)]).fits
    assert fits(need, [gpu(8)]).sure
    assert fits(need, [gpu(12), gpu(12)]).fits
    assert not fits(need, []).fits


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"context": 0}, "context must be 1 to .* got 0"),
        ({"context": -1}, "context must be >= 0"),
        ({"context": 10**12}, "got 1000000000000"),
        ({"context": 4096.5}, "got 4096.5"),
        ({"context": float("nan")}, "got nan"),
        ({"context": True}, "got True"),
        ({"users": 0}, "users must be 1"),
        ({"users": 10**9}, "got 1000000000"),
        ({"engine": "exllama"}, "engine must be .* got 'exllama'"),
        ({"kv_dtype": "fp8"}, "llama.cpp has no cache of type 'fp8'; it has f32"),
        ({"kv_dtype": "q8_0", "engine": "vllm"}, "vllm has no cache of type 'q8_0'"),
        ({"quantisation": ""}, "the quantisation '' is not known"),
        ({"gpus": 0}, "gpus must be 1 to 1024"),
    ],
    ids=str,
)
def test_a_setting_that_means_nothing_is_refused(settings: dict[str, object], reason: str) -> None:
    given = {"context": 4096, "quantisation": "F16", **settings}
    with pytest.raises(SettingError, match=reason):
        memory(LLAMA, Setting(**given))  # type: ignore[arg-type]


def test_a_model_that_does_not_say_its_quantisation_is_asked_for_it() -> None:
    with pytest.raises(SettingError, match="GLM-5 has no stated quantisation"):
        weights_gib(MODELS["GLM-5"])


@given(
    name=st.sampled_from(sorted(MODELS)),
    context=st.integers(1, 10**6),
    users=st.integers(1, 100),
    engine_type=ENGINE_TYPES,
    more=st.integers(1, 10**5),
)
def test_more_context_or_users_never_take_less(
    name: str, context: int, users: int, engine_type: tuple[str, str], more: int
) -> None:
    engine, kind = engine_type

    def size(n: int, u: int) -> float:
        return kv_bytes(MODELS[name], n, users=u, kv_dtype=kind, engine=engine)

    assert size(context, users) <= size(context + more, users)
    assert size(context, users) < size(context, users + 1)


@given(
    name=st.sampled_from(sorted(MODELS)),
    quantisation=st.sampled_from(sorted(quantisations())),
    context=st.integers(1, 10**9),
    users=st.integers(1, 10**6),
    engine_type=ENGINE_TYPES,
    flash=st.booleans(),
    gpus=st.integers(1, 16),
    beside=st.booleans(),
)
def test_every_estimate_is_finite_and_within_its_interval(
    name: str,
    quantisation: str,
    context: int,
    users: int,
    engine_type: tuple[str, str],
    flash: bool,
    gpus: int,
    beside: bool,
) -> None:
    need = memory(
        MODELS[name],
        Setting(
            quantisation=quantisation,
            context=context,
            users=users,
            engine=engine_type[0],
            kv_dtype=engine_type[1],
            gpus=gpus,
            place=Place.EXPERTS_IN_RAM if beside else Place.GPU,
        ),
        flash_attention=flash,
    )
    for part in (need.weights, need.kv, need.buffers, need.total, need.host):
        assert 0 <= part.low <= part.value <= part.high < math.inf
        assert part.basis


@pytest.mark.slow
@given(
    name=st.sampled_from(sorted(set(MODELS) - {"gemma-4-12b", "gemma-4-31B-it"})),
    context=st.integers(1, 10**5),
)
def test_the_naive_sum_over_layers_is_never_less_than_ours_but_for_padding(
    name: str, context: int
) -> None:
    model: Model = MODELS[name]
    naive = sum(
        (x.latent_dim or x.kv_heads * (x.key_dim + x.value_dim)) * (context + 256) * 2
        for x in model.layers
    )
    states = sum(x.state_values for x in model.layers) * 4
    ours = kv_bytes(model, context, users=1, kv_dtype="f16", engine="llama.cpp")
    assert ours <= naive + states
