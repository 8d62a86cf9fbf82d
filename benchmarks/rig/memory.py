"""Compare the rig's memory estimates and the naive formula with measured figures.

    python -m benchmarks.rig.memory

1. caches: each measured figure in kv_reference.csv. The figures come from issues of six projects,
   and each row names its engine;
2. weights: the sizes of Llama 3 70B files. The estimates use bits per weight that were measured on
   8B files. The naive formula is the number of parameters times the mean bits;
3. out of memory: all configurations of xiongjiedai_llama3.csv. Two of them do not fit.

The tables must be under $SHIOMI_DATA/rig (default ../shared/data/rig).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tools.rig.rows import ROOT, read_table

from shiomi.rig.estimate.kv_cache import kv_bytes
from shiomi.rig.estimate.memory import CONTEXT_GIB, fits, memory, weights_gib
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.model.hf_config import read_config
from shiomi.rig.model.model import Layer, LayerKind, Model

GIB = 2**30
CONFIGS = ROOT / "tests" / "data" / "rig" / "configs.json"


def model(name: str) -> Model:
    """Return a model of tests/data/rig/configs.json."""
    return read_config(json.loads(CONFIGS.read_text("utf-8"))[name], name=name)


def bge_reranker() -> Model:
    """bge-reranker-v2-m3 (XLM-RoBERTa large): an encoder, which keeps no cache."""
    block = Layer(LayerKind.FULL, dense_parameters=12_596_224, heads=16, feed_forward=4096)
    return Model(
        name="bge-reranker-v2-m3",
        architecture="bert",
        layers=(block,) * 24,
        hidden_size=1024,
        vocabulary=0,  # the model returns one score, not logits
        embedding_parameters=(250_002 + 8_194) * 1024,
        output_parameters=1024 * 1025,
        source="config.json of BAAI/bge-reranker-v2-m3",
    )


@dataclass(frozen=True)
class Cell:
    """A measured figure of the reference, and the estimate for it."""

    row: dict[str, str]
    ours: float
    note: str = ""

    @property
    def error(self) -> float:
        return self.ours / float(self.row["value"]) - 1


def cells() -> Iterator[Cell]:
    """Return every row that states both a figure and its configuration."""
    for row in read_table("kv_reference.csv"):
        name, quantity = row["model"], row["quantity"]
        if row["context"] == "max ctx of PR":
            m = model(re.sub(r" \(.*", "", name))
            context = m.context_length or 0
            size = kv_bytes(m, context, users=1, kv_dtype="f16", engine="llama.cpp")
            yield Cell(row, size / GIB, f"{context} tokens; the source's GB are GiB")
        elif name.startswith("Qwen3.6-27B"):
            need = memory(
                model("Qwen3.6-27B"), Setting(quantisation="Q4_K_M", context=65536, kv_dtype="q8_0")
            )
            yield Cell(row, need.total.value, "weights, caches and buffers")
        elif quantity.startswith("KV bytes per token"):
            yield Cell(row, kv_bytes(model(name), 1, users=1, kv_dtype="bf16", engine="vllm"))
        elif row["context"] == "8192 x 32 seqs":
            size = kv_bytes(model(name), 8192, users=32, kv_dtype="bf16", engine="vllm")
            yield Cell(row, size / GIB)
        elif name == "gpt-oss-20b":
            size = kv_bytes(model(name), 131072, users=1, kv_dtype="f16", engine="llama.cpp")
            yield Cell(row, size / GIB)
        elif name.startswith("bge"):
            need = memory(bge_reranker(), Setting(quantisation="F16", context=8192))
            yield Cell(row, (need.total.value + CONTEXT_GIB) * 1024, "with CUDA's own context")
        elif name == "Llama-3 8B":
            size = kv_bytes(model("Llama-3-8B"), 1024, users=1, kv_dtype="f16", engine="llama.cpp")
            yield Cell(row, size / 2**20)
        else:
            need = memory(
                model(name), Setting(quantisation="BF16", context=131072, kv_dtype=row["kv_dtype"])
            )
            note = "weights' format not stated: BF16 taken; GB read as GiB (as GB: +7 %)"
            yield Cell(row, need.total.value, note)


def gpus_of(name: str) -> list[Gpu]:
    """Return the GPUs of a row, such as "3090 24GB * 2"."""
    gpu, _, count = name.partition(" * ")
    return [find_gpu(gpu)] * int(count or 1)


class Judged(NamedTuple):
    """One configuration, and whether it ran."""

    row: dict[str, str]
    ran: bool
    fits: bool
    sure: bool
    needed: float
    usable: float


def judged() -> list[Judged]:
    """Return all configurations, which ran on llama.cpp of May 2024 without flash attention."""
    rows = []
    for row in read_table("xiongjiedai_llama3.csv"):
        size, quantisation = row["model"].split()
        gpus = gpus_of(row["gpu"])
        need = memory(
            model(f"Llama-3-{size}"),
            Setting(quantisation=quantisation, context=int(row["n"]), gpus=len(gpus)),
            flash_attention=False,
        )
        fit = fits(need.total, gpus)
        ran = bool(row["tps"])
        rows.append(Judged(row, ran, fit.fits, fit.sure, fit.needed.value, fit.usable.value))
    return rows


def main() -> None:
    """Print the three tables."""
    print("1. Caches (bar: 5 %)")
    print(f"{'model':38}{'engine':30}{'measured':>12}{'naive':>10}{'ours':>12}{'error':>8}")
    for cell in cells():
        row = cell.row
        print(
            f"{row['model'][:37]:38}{row['engine'][:29]:30}{row['value']:>9} {row['unit']:3}"
            f"{row['naive_formula_value']:>9}{cell.ours:12.2f}{cell.error:8.1%}  {cell.note}"
        )
    print("\n2. Llama 3 70B files, GiB: from parts, and parameters x mean of the 8B file")
    llama = model("Llama-3-70B")
    measured = read_table("gguf_bpw_llama31_8b.csv")
    means = {row["quant"]: float(row["bits_per_weight"]) for row in measured}
    for row in read_table("llama3_70b_quant_perplexity.csv"):
        size, name = float(row["size_gib"]), row["quant"]
        ours = weights_gib(llama, name).value
        naive = means.get(name, float("nan")) * llama.parameters / 8 / GIB
        print(f"{name:10}{size:8.2f}{ours:8.2f}{ours / size - 1:8.1%}{naive / size - 1:8.1%}")
    rows = judged()
    print("\n3. Out of memory: what did not run, its neighbour, and all")
    for r in rows:
        near = r.row["n"] == "4096" and r.row["gpu"][:2] in ("40", "M1")
        if not r.ran or (near and r.usable - r.needed < 1.0):
            print(
                f"{r.row['gpu'][:22]:24}{r.row['model']:12}{r.row['test']} {r.row['n']:>5}"
                f"  ran {r.ran!s:6} fits {r.fits!s:6} sure {r.sure!s:6}"
                f"{r.needed:7.2f} of {r.usable:6.2f} GiB"
            )
    right = sum(r.ran == r.fits for r in rows)
    print(f"judged right: {right} of {len(rows)}; sure of {sum(r.sure for r in rows)}")
    print(f"wrong and sure: {sum(r.sure and r.ran != r.fits for r in rows)}")


if __name__ == "__main__":
    main()
