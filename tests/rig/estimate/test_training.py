"""Memory and time of training: beside real steps where torch is installed, and by rule."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.training import (
    VITS,
    Views,
    images_per_step,
    training_days,
    training_memory,
    vit,
)
from shiomi.rig.report.wording import texts_of

NAMES = st.sampled_from(sorted(VITS))
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


# Recorded with benchmarks/rig/training_memory.py: torch 2.13, real steps on the CPU, MiB at the
# most.
@pytest.mark.parametrize(
    ("name", "images", "views", "mixed", "kept", "measured"),
    [
        ("S", 4, Views(1, 0), True, False, 422.6),
        ("S", 4, Views(1, 0), False, False, 480.3),
        ("S", 16, Views(1, 0), True, False, 820.2),
        ("S", 16, Views(1, 0), True, True, 422.4),
        ("S", 16, Views(1, 0), False, False, 1170.4),
        ("S", 16, Views(1, 0), False, True, 430.9),
        ("S", 6, Views(2, 6), True, False, 906.4),
        ("S", 6, Views(2, 6), True, True, 423.9),
        ("S", 6, Views(2, 6), False, False, 1318.8),
        ("S", 6, Views(2, 6), False, True, 454.4),
        ("B", 4, Views(2, 6), True, False, 1960.0),
        ("B", 4, Views(2, 6), True, True, 1643.6),
        ("B", 4, Views(2, 6), False, False, 2408.1),
        ("B", 4, Views(2, 6), False, True, 1643.6),
        ("B", 8, Views(2, 6), True, False, 2771.0),
        ("L", 2, Views(2, 6), True, False, 5789.0),
        ("H", 1, Views(2, 6), True, True, 12033.0),
    ],
)
def test_recorded_steps_are_within_five_percent(
    name: str, images: int, views: Views, mixed: bool, kept: bool, measured: float
) -> None:
    estimate = training_memory(
        vit(name), images, views=views, mixed_precision=mixed, checkpointing=kept
    )
    assert estimate.value * 1024 == pytest.approx(measured, rel=0.05)
    assert estimate.low * 1024 <= measured <= estimate.high * 1024


@needs_torch
@pytest.mark.slow
def test_a_real_step_is_within_ten_percent() -> None:
    from benchmarks.rig.training_memory import measure

    shape, views = vit("S"), Views(1, 0)
    step = measure(shape, 4, views, mixed=False, checkpointed=False)
    estimate = training_memory(shape, 4, views=views, mixed_precision=False)
    assert estimate.value * 2**30 == pytest.approx(step.peak, rel=0.1)


def test_parameters_are_those_published() -> None:
    # An Image Is Worth 16x16 Words, table 1, and timm: without heads
    published = {"S": 21.67e6, "B": 85.8e6, "L": 303.3e6, "H": 630.8e6}
    for name, count in published.items():
        assert vit(name).parameters == pytest.approx(count, rel=0.002)


def test_an_encoder_is_found_by_its_letter_or_name_and_never_guessed() -> None:
    assert vit("ViT-L") is vit("l") is VITS["L"]
    with pytest.raises(SettingError, match="got 'ViT-G'"):
        vit("ViT-G")


@given(name=NAMES, images=st.integers(1, 4096), mixed=st.booleans(), kept=st.booleans())
def test_more_images_never_take_less(name: str, images: int, mixed: bool, kept: bool) -> None:
    def size(number: int) -> float:
        return training_memory(vit(name), number, mixed_precision=mixed, checkpointing=kept).value

    assert size(images) <= size(images + 1)
    assert size(images) >= vit(name).parameters * 20 / 2**30


@given(name=NAMES, usable=st.floats(0, 1000), mixed=st.booleans(), kept=st.booleans())
def test_images_per_step_are_the_most_that_fit(
    name: str, usable: float, mixed: bool, kept: bool
) -> None:
    shape = vit(name)
    most = images_per_step(shape, usable, mixed_precision=mixed, checkpointing=kept)

    def size(number: int) -> float:
        return training_memory(shape, number, mixed_precision=mixed, checkpointing=kept).value

    assert most == 0 or size(most) <= usable * (1 + 1e-9)
    assert size(most + 1) > usable * (1 - 1e-9)


def test_checkpoints_make_room_and_take_a_third_more_time() -> None:
    shape = vit("L")
    assert images_per_step(shape, 23.0, checkpointing=True) > 3 * images_per_step(shape, 23.0)
    days = [
        training_days(shape, 10**6, epochs=100, tflops=82.6, checkpointing=kept).value
        for kept in (False, True)
    ]
    assert days[1] / days[0] == pytest.approx(4 / 3)


def test_days_are_operations_by_the_rate() -> None:
    shape = vit("B")
    days = training_days(shape, 10**6, epochs=10, tflops=100, views=Views(1, 0))
    # ViT-B/16 at 224: 17.6 billion multiply-additions forward, as published
    seconds = 2 * 17.6e9 * 3 * 10**7 / (100e12 * 0.35)
    assert days.value == pytest.approx(seconds / 86400, rel=0.03)
    assert days.low < days.value < days.high
    assert "not measured" in texts_of(days.basis)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"images": 0}, "images must be .* got 0"),
        ({"images": 1.5}, "got 1.5"),
        ({"images": 10**20}, "got 1"),
        ({"views": Views(0, 0)}, "at least one view"),
        ({"views": Views(-1, 0)}, "large views must be .* got -1"),
        ({"views": Views(2, 6, 8)}, "pixels of a small view must be .* got 8"),
    ],
    ids=str,
)
def test_a_step_that_means_nothing_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        training_memory(vit("S"), **{"images": 1, **settings})


@pytest.mark.parametrize("usable", [-1.0, float("nan"), float("inf")])
def test_memory_that_cannot_be_is_refused(usable: float) -> None:
    with pytest.raises(SettingError, match="memory must be"):
        images_per_step(vit("S"), usable)


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 0}, {"tflops": 0.0}, {"tflops": float("nan")}, {"epochs": 10**9}],
    ids=str,
)
def test_time_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="must be"):
        training_days(vit("S"), 10**6, **{"epochs": 100, "tflops": 80.0, **settings})
