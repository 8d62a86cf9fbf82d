"""The coefficients that ship are those that the script fits, and each GPU gets the nearest."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from tools.rig.regression import DECODE_SHRINK, fit_phase, interval, left_out, sound
from tools.rig.rows import read_llama3

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.coefficients import choose, coefficient_table
from shiomi.rig.estimate.speed import DECODE_TERMS, PREFILL_TERMS
from shiomi.rig.machine.gpus import find_gpu, known_gpus
from shiomi.rig.report.wording import texts_of


def test_every_set_has_every_term_and_intervals_around_one() -> None:
    for entry in coefficient_table()["engines"]["llama.cpp"]:
        for phase, names in (("decode", DECODE_TERMS), ("prefill", (*PREFILL_TERMS, "serial"))):
            if phase not in entry:
                continue
            for chosen in (entry[phase]["pooled"], *entry[phase]["architectures"].values()):
                assert set(chosen["terms"]) == set(names)
                assert all(value > 0 for value in chosen["terms"].values())
            bounds = [*entry[phase]["intervals"].values()]
            for chosen in entry[phase]["architectures"].values():
                bounds += [chosen["architecture"], chosen["gpu"]]
            assert all(0.3 < low <= 1 <= high < 3 for low, high in bounds)


def test_every_gpu_of_the_table_gets_coefficients() -> None:
    for gpu in known_gpus():
        for phase in ("decode", "prefill"):
            assert choose("llama.cpp", phase, gpu).basis


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RTX 3090", "ampere, 88 rows, corrected for the GeForce RTX 3090"),
        ("RTX 3080 12 GB", "2024-05, ampere, 88 rows"),
        ("GB10", "4c7e989-cuda, blackwell-unified"),
        ("Radeon 8060S 64 GB", "2026-08-rocm, rdna3.5"),
        ("H100 PCIe", "ampere-dc, 56 rows; hopper itself was not measured"),
        ("Arc B580", "all architectures, 306 rows; battlemage itself was not measured"),
    ],
)
def test_the_basis_says_what_was_measured_and_what_not(name: str, says: str) -> None:
    assert says in texts_of(choose("llama.cpp", "decode", find_gpu(name)).basis)


def test_an_engine_nobody_measured_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(RigError, match=r"llama\.cpp@2024-05"):
        choose("tensorrt-llm", "decode", find_gpu("RTX 4090"))


def test_the_shipped_coefficients_are_those_of_the_tables(shared_data: Path) -> None:
    assert (shared_data / "rig").is_dir()
    rows = [row for row in read_llama3() if row.phase == "decode"]
    pooled, groups = fit_phase(rows, DECODE_SHRINK)
    shipped = coefficient_table()["engines"]["llama.cpp"][-1]["decode"]["architectures"]
    for name, logarithms in groups.items():
        for i, term in enumerate(DECODE_TERMS[:2]):
            assert shipped[name]["terms"][term] == pytest.approx(math.exp(logarithms[i]), rel=0.02)
    assert len(pooled) == len(DECODE_TERMS)


@pytest.mark.slow
def test_a_left_out_gpu_has_no_part_in_its_own_estimate(shared_data: Path) -> None:
    assert (shared_data / "rig").is_dir()
    rows = [
        row
        for row in read_llama3()
        if row.phase == "decode" and row.gpus == 1 and row.tokens < 2000
    ]
    errors = left_out(rows, DECODE_SHRINK, lambda row: row.gpu.name)
    assert len(errors) == len(rows)
    # Were the 4090's own rows ten times slower, the estimate of it would stay the same.
    slowed = [replace(row, speed=row.speed / 10) if "4090" in row.gpu.name else row for row in rows]
    again = left_out(slowed, DECODE_SHRINK, lambda row: row.gpu.name)
    for (row, before), (_, after) in zip(errors, again, strict=True):
        if "4090" in row.gpu.name:
            assert after == pytest.approx(before - 2.302585, abs=1e-3)


def test_odd_prompts_are_left_out_of_fits_and_nothing_else(shared_data: Path) -> None:
    assert (shared_data / "rig").is_dir()
    rows = read_llama3()
    odd = [row for row in rows if row not in sound(rows)]
    assert {row.gpu.name for row in odd} == {"A100 SXM4 80 GB", "L40S"}
    assert all(row.quantisation == "F16" and row.phase == "prefill" for row in odd)
    assert len(odd) < 20


def test_an_interval_holds_four_of_five() -> None:
    low, high = interval([i / 1000 for i in range(-500, 500)])
    inside = sum(low <= 2.718281828 ** (-i / 1000) <= high for i in range(-500, 500))
    assert 790 <= inside <= 812
