"""Read the measured speeds in the tables under $SHIOMI_DATA/rig as rows for the fits.

The README there names the source of each table.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_terms, prefill_terms
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.model.hf_config import read_config
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.model.model import Model

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "rig"
CATALOGUE = {  # name in the tables: name in the catalogue of models
    "Llama-3-8B": "llama3:8b", "Llama-3-70B": "llama3:70b",
    "Llama-3.2-1B": "Llama-3.2-1B-Instruct", "Llama-3.2-3B": "Llama-3.2-3B-Instruct",
    "Qwen2.5-7B": "Qwen2.5-7B-Instruct", "Qwen2.5-14B": "Qwen2.5-Coder-14B-Instruct",
    "Qwen3-4B": "Qwen3-4B-Instruct-2507", "Qwen3-30B-A3B": "Qwen3-30B-A3B-Instruct-2507",
    "gemma-3-4b": "Gemma-3-4B-it",
    **{x: x for x in (
        "Qwen3-1.7B", "Qwen3-8B", "Qwen3-14B", "gpt-oss-20b", "gpt-oss-120b", "gemma-4-26B-A4B-it",
        "gemma-4-31B-it", "Qwen3.6-27B", "Qwen3.6-35B-A3B", "Qwen3.5-122B-A10B", "GLM-4.7-Flash",
    )},
}  # fmt: skip
OTHERS = {  # not in the catalogue: layers, width, inner width, heads, key heads, vocabulary
    "llama-2-7b": (32, 4096, 11_008, 32, 32, 32_000),
    "Ministral-3-14B": (40, 5120, 16_384, 32, 8, 131_072),
}


@cache
def measured_models() -> dict[str, Model]:
    """Return the models of the tables, by their names in the tables."""
    known = known_models()
    found = {x: replace(find_model(y, known).model, name=x) for x, y in CATALOGUE.items()}
    for name, (layers, width, inner, heads, keys, words) in OTHERS.items():
        config = {
            "model_type": "llama", "num_hidden_layers": layers, "hidden_size": width,
            "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": keys,
            "head_dim": 128, "vocab_size": words,
        }  # fmt: skip
        found[name] = read_config(config, name=name)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    gpu: Gpu
    group: str  # the architecture, or the family if the GPUs of a family are pooled
    gpus: int
    model: Model
    quantisation: str
    phase: str  # "decode" or "prefill"
    tokens: int  # generated, or in the prompt
    depth: int  # tokens already in the context
    users: int
    speed: float  # tokens per second, of all users

    @property
    def seconds(self) -> float:
        """Return the measured seconds of a step, or of reading the whole prompt."""
        return (self.users if self.phase == "decode" else self.tokens) / self.speed

    @property
    def terms(self) -> tuple[float, ...]:
        """Return the counted terms, which the coefficients multiply."""
        if self.phase == "decode":
            context = int(self.depth + self.tokens / 2)
            setting = Setting(quantisation=self.quantisation, context=context, users=self.users)
            return decode_terms(self.model, self.gpu, setting, gpus=self.gpus)
        setting = Setting(quantisation=self.quantisation, prompt=self.tokens)
        return prefill_terms(self.model, self.gpu, setting, depth=self.depth)


def read_table(name: str) -> Iterable[dict[str, str]]:
    """Return the rows of a CSV under $SHIOMI_DATA/rig."""
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def read_llama3() -> list[Row]:
    """Return XiongjieDai's table: Llama 3 8B and 70B on one to eight GPUs of 15 types."""
    models = {"8B": measured_models()["Llama-3-8B"], "70B": measured_models()["Llama-3-70B"]}
    rows = []
    for line in read_table("xiongjiedai_llama3.csv"):
        if not re.fullmatch(r"[\d.]+", line["tps"]):
            continue  # out of memory
        name, _, count = line["gpu"].partition(" * ")
        gpu = find_gpu(name)
        size, quantisation = line["model"].split()
        group = "apple" if gpu.unified else gpu.architecture
        phase = "decode" if line["test"] == "tg" else "prefill"
        place = (gpu, group, int(count or 1), models[size], quantisation)
        rows.append(Row(*place, phase, int(line["n"]), 0, 1, float(line["tps"])))
    return rows


def read_spark() -> list[Row]:
    """Return llama.cpp's table of the DGX Spark with one, two and four users."""
    names = {
        "gpt-oss-20b": ("gpt-oss-20b", "MXFP4_MOE"),
        "gpt-oss-120b": ("gpt-oss-120b", "MXFP4_MOE"),
        "qwen3-30b-a3b-q8": ("Qwen3-30B-A3B", "Q8_0"),
        "qwen2.5-7b-q8": ("Qwen2.5-7B", "Q8_0"),
        "gemma3-4b-q4_0": ("gemma-3-4b", "Q4_0"),
    }
    gpu = find_gpu("GB10")
    rows = []
    for line in read_table("dgx_spark_batched_decode.csv"):
        name, quantisation = names[line["model"]]
        place = (gpu, gpu.architecture, 1, measured_models()[name], quantisation, "decode", 32)
        speed = float(line["decode_tps_total"])
        rows.append(Row(*place, int(line["prompt"]), int(line["batch"]), speed))
    return rows


def read_strix() -> list[Row]:
    """Return kyuz0's tables of the Strix Halo with flash attention, at depths 0, 32k and 64k."""
    gpu = find_gpu("Radeon 8060S 128 GB")
    rows = []
    for line in read_table("strix_halo_llamabench.csv"):
        name = next((n for n in measured_models() if line["model_clean"].startswith(n)), None)
        test = re.fullmatch(r"(tg|pp)(\d+)(?: @ d(\d+))?", line["test"])
        if line["env"] != "rocm-7_2_3" or not line["tps_mean"] or name is None or test is None:
            continue
        model, quantisation = _from_file(name, line["quant"], float(line["file_size_gib"]))
        phase = "decode" if test[1] == "tg" else "prefill"
        place = (gpu, gpu.architecture, 1, model, quantisation, phase)
        rows.append(Row(*place, int(test[2]), int(test[3] or 0), 1, float(line["tps_mean"])))
    return rows


def _from_file(name: str, quantisation: str, size_gib: float) -> tuple[Model, str]:
    """Return the model with the file's true size, and the nearest quantisation with known bits."""
    usual = {"Q8_K_XL": "Q8_0", "Q4_K_XL": "Q4_K_M", "Q5_K_XL": "Q5_K_M", "MXFP4": "MXFP4_MOE"}
    quantisation = usual.get(quantisation, quantisation)
    model = replace(
        measured_models()[name], file_bytes=round(size_gib * 2**30), quantisation=quantisation
    )
    return model, quantisation


def read_community() -> list[Row]:
    """Return rows of llmfit's community files: dense models of known shape, in Q4_K_M and wholly in
    the memory of one GPU."""
    known = {
        "Llama-3.2-1B-Instruct": "Llama-3.2-1B", "Llama-3.2-3B-Instruct": "Llama-3.2-3B",
        "Meta-Llama-3.1-8B-Instruct": "Llama-3-8B", "Qwen2.5-7B-Instruct": "Qwen2.5-7B",
        "Qwen2.5-14B-Instruct": "Qwen2.5-14B", "Qwen2.5-Coder-14B-Instruct": "Qwen2.5-14B",
        **{x: x for x in ("Qwen3-1.7B", "Qwen3-4B", "Qwen3-8B", "Qwen3-14B")},
    }  # fmt: skip
    gpus = {
        "AMD Radeon RX 7900 XT": "RX 7900 XT", "NVIDIA GeForce RTX 5070": "RTX 5070",
        "NVIDIA GeForce RTX 2080": "RTX 2080", "NVIDIA GeForce GTX 1050 Ti": "GTX 1050 Ti",
        "Apple M4 Pro": "M4 Pro 16-core GPU 24 GB",  # the file does not state the number of cores
    }  # fmt: skip
    rows = []
    for line in read_table("llmfit_community.csv"):
        name = known.get(line["model"].removesuffix("-Q4_K_M.gguf"))
        if name is None or line["provider"] != "llamacpp" or line["hardwareName"] not in gpus:
            continue
        gpu, model = find_gpu(gpus[line["hardwareName"]]), measured_models()[name]
        if model.parameters * 4.9 / 8 > 0.85 * gpu.memory_gib * 2**30:
            continue  # a part was in the system's memory
        tokens = int(float(line["avgOutputTokens"] or 200))
        speed = float(line["avgTps"])
        rows.append(Row(gpu, gpu.architecture, 1, model, "Q4_K_M", "decode", tokens, 50, 1, speed))
    return rows


def read_depths() -> list[Row]:
    """Return kyuz0's decoding speeds at nine depths, for four models and two machine settings."""
    gpu = find_gpu("Radeon 8060S 128 GB")
    sizes = {
        "Qwen3.6-27B-Q8_0": 26.62, "Qwen3.6-35B-A3B-UD-Q4_K_XL": 21.27,
        "Qwen3.6-35B-A3B-UD-Q8_K_XL": 35.8, "gemma-4-26B-A4B-it-UD-Q8_K_XL": 25.94,
    }  # fmt: skip
    rows = []
    for line in read_table("strix_halo_depth_curve.csv"):
        if line["series"] != "generation":
            continue
        name = next(n for n in measured_models() if line["model"].startswith(n))
        model, quantisation = _from_file(name, line["quant"], sizes[line["model"]])
        place = (gpu, line["profile"], 1, model, quantisation, "decode", 128)
        rows.append(Row(*place, int(line["starting_depth"]), 1, float(line["mean"])))
    return rows
