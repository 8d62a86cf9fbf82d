"""A GPU's name resolves exactly, or is asked back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import AmbiguousPartError, UnknownPartError
from shiomi.rig.machine.gpus import find_gpu, known_gpus
from shiomi.rig.machine.machine import Gpu


@pytest.mark.parametrize(
    ("name", "bandwidth"),
    [
        ("RTX 4090", 1008),
        ("4090", 1008),
        ("rtx4090", 1008),
        ("NVIDIA GeForce RTX 4090", 1008),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 576),
        ("RTX 4090 Mobile", 576),
        ("NVIDIA GeForce RTX 4090 D", 1008),
        ("RTX A1000", 192),
        ("A100 PCIe 80GB", 1935),
        ("A100 SXM 80GB", 2039),
        ("A100-SXM4-40GB", 1555),
        ("H200 SXM 141GB", 4800),
        ("H100 PCIe 80GB", 2039),
        ("RTX 3060 8 GB", 240),
        ("RTX 3060 12GB", 360),
        ("4070Ti Super", 672),
        ("RX7900XTX", 960),
        ("AMD Radeon RX 7900 XT", 800),
        ("T4", 320),
        ("T400 4GB", 80),
        ("L40S 48GB", 864),
        ("GeForce RTX 5060", 448),
        ("RTX A4000 16GB", 448),
        ("RTX 6000 Ada 48GB", 960),
        ("NVIDIA GB10", 273),
        ("M1 7‑Core GPU 8GB", 68.25),
        ("Apple M2 Ultra 76-Core GPU 192GB", 800),
        ("Intel Arc B580", 456),
    ],
)
def test_a_name_means_one_gpu(name: str, bandwidth: float) -> None:
    assert find_gpu(name).bandwidth_gb_s == bandwidth


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("RTX 3060", {"GeForce RTX 3060 8 GB", "GeForce RTX 3060 12 GB"}),
        ("RTX 4060 Ti", {"GeForce RTX 4060 Ti 8 GB", "GeForce RTX 4060 Ti 16 GB"}),
        ("A100", {"A100 PCIe 40 GB", "A100 SXM4 80 GB"}),
        ("RTX 4000", {"Quadro RTX 4000", "RTX 4000 Ada Generation"}),
        ("Apple M1 Max", {"M1 Max 24-core GPU 32 GB", "M1 Max 32-core GPU 64 GB"}),
    ],
)
def test_a_name_that_fits_several_is_asked_back(name: str, candidates: set[str]) -> None:
    with pytest.raises(AmbiguousPartError) as raised:
        find_gpu(name)
    assert all(candidate in str(raised.value) for candidate in candidates)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "GPU",
        "RTX 3060 10 GB",
        "GTX 4090",
        "RTX 9999",
        "RTX A100",
        "4090 Max-Q",
        "4",
        "猫",
    ],
)
def test_an_unknown_name_is_never_guessed(name: str) -> None:
    with pytest.raises(UnknownPartError):
        find_gpu(name)


def test_every_gpu_of_the_table_is_found_by_its_own_name_and_memory() -> None:
    for gpu in known_gpus():
        assert find_gpu(f"{gpu.name} {gpu.memory_gib:g} GiB") == gpu
        assert gpu.source
        assert 0 < gpu.bandwidth_gb_s < 10_000
        assert 0 < gpu.memory_gib <= 512
        assert gpu.fp16_tflops is None or 0 < gpu.fp16_tflops < 3_000


@given(st.text(max_size=300))
def test_any_text_is_answered_with_a_gpu_or_an_error_of_the_rig(name: str) -> None:
    with contextlib.suppress(UnknownPartError, AmbiguousPartError):
        assert find_gpu(name) in known_gpus()


def test_a_name_without_end_makes_no_error_without_end() -> None:
    with pytest.raises(UnknownPartError) as raised:
        find_gpu("RTX 4090 " * 100_000 + "nonsense")
    assert len(str(raised.value)) < 2_000


def test_a_series_alone_lists_a_dozen_and_counts_the_rest() -> None:
    with pytest.raises(AmbiguousPartError, match=r"and \d+ more"):
        find_gpu("RTX")


@given(st.sampled_from(known_gpus()), st.sampled_from("abcdefxyz"))
def test_one_more_letter_is_another_gpu(gpu: Gpu, letter: str) -> None:
    bare = gpu.name.removesuffix(" GB")
    with contextlib.suppress(UnknownPartError, AmbiguousPartError):
        assert find_gpu(bare + letter) != gpu
