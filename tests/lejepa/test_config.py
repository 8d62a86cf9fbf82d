from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from shiomi.lejepa.config import PretrainConfig, Training, differing, flat, from_json, to_json
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.views import Augmentations


def test_a_configuration_is_read_as_it_was_written() -> None:
    config = PretrainConfig(
        "photos",
        training=Training(steps=5, lam=0.1),
        local_scale=(0.1, 0.2),
        augmentations=Augmentations(blur_sigma=(0.5, 1.0)),
    ).resolved(32)
    assert from_json(to_json(config)) == config
    assert differing(from_json(to_json(config)), config) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": "x", "new": 1}', '{"training": 3}'])
def test_what_is_no_configuration_is_told(text: str) -> None:
    with pytest.raises(InputError, match="not a run's configuration"):
        from_json(text)


def test_what_differs_is_named_with_both_values() -> None:
    one = PretrainConfig("a", training=Training(lr=0.1)).resolved(224)
    other = PretrainConfig("a", training=Training(lr=0.2), local_views=3).resolved(224)
    assert differing(one, other) == [("training.lr", 0.1, 0.2), ("local_views", 6, 3)]
    assert flat(one)["augmentations.hue"] == 0.1


@pytest.mark.parametrize(
    ("side", "sizes"),
    [
        (32, (32, 16, 32)),
        (64, (64, 24, 64)),
        (128, (128, 56, 128)),
        (500, (224, 96, 336)),
        (5, (8, 8, 8)),
    ],
)
def test_sizes_follow_the_images(side: int, sizes: tuple[int, int, int]) -> None:
    config = PretrainConfig("a").resolved(side)
    assert (config.global_size, config.local_size, config.stored_size) == sizes


def test_sizes_that_were_given_stay() -> None:
    given = PretrainConfig("a", global_size=96, local_size=40, stored_size=100)
    assert given.resolved(500) == replace(given, local_views=6, augmentations=Augmentations())
    with pytest.raises(InputError, match="views are not chosen"):
        PretrainConfig("a").crops()


def test_small_images_have_no_local_views_and_are_neither_blurred_nor_solarised() -> None:
    small = PretrainConfig("a").resolved(64)
    assert small.local_views == 0
    assert small.augmentations == Augmentations(blur=0.0, solarize=0.0)
    asked = PretrainConfig("a", local_views=2, augmentations=Augmentations()).resolved(64)
    assert (asked.local_views, asked.augmentations) == (2, Augmentations())
    assert PretrainConfig("a", global_views=1).resolved(64).local_views == 6


def test_a_configuration_that_leaves_the_choice_is_read_as_it_was_written() -> None:
    assert from_json(to_json(PretrainConfig("photos"))) == PretrainConfig("photos")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"global_views": 0}, "0 global"),
        ({"global_views": 1, "local_views": 0}, "two in all"),
        ({"local_size": 4}, "local_size is 4; give an integer from 8 to 4096"),
    ],
)
def test_views_that_cannot_be_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        PretrainConfig("a", **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epochs": 0}, "epochs must be a finite number above 0, got 0"),
        ({"epochs": "3"}, "epochs must be a finite number above 0, got '3'"),
        ({"lr": float("nan")}, "lr must be a finite number above 0, got nan"),
        ({"lr": float("inf")}, "lr must be a finite number above 0, got inf"),
        ({"batch_size": 2.5}, r"batch_size is 2\.5; give an integer of at least 1"),
        ({"steps": 0}, "steps is 0"),
        ({"lam": 1.5}, "1.5"),
        ({"lam": float("nan")}, "nan"),
        ({"slices": 0}, "slices is 0"),
        ({"warmup": 1.0}, "warmup must be a finite number of at least 0 and below 1, got 1.0"),
        ({"weight_decay": -1}, "weight_decay must be a finite number of at least 0, got -1"),
        ({"precision": "fp16"}, "precision is 'fp16'"),
        ({"variant": "mine"}, "no variant 'mine'"),
    ],
)
def test_training_that_cannot_be_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Training(**options)


def test_the_objective_is_the_variants_but_for_what_was_given() -> None:
    assert Training(variant="minimal").objective.lam == 0.02
    changed = Training(variant="minimal", lam=0.3, slices=99).objective
    assert (changed.lam, changed.slices, changed.centre) == (0.3, 99, "all")


def test_epochs_become_steps_of_whole_batches() -> None:
    training = Training(epochs=2.5, batch_size=30)
    assert training.steps_for(100) == 7
    assert dataclasses.replace(training, steps=4).steps_for(100) == 4


@pytest.mark.parametrize("scale", [(2, 3), (0.5, 0.1), (0.0, 1.0), ("a", 1.0)])
def test_scales_of_crops_are_shares_of_the_image(scale: Any) -> None:
    with pytest.raises(InputError, match="global_scale must be two numbers with 0 < low"):
        PretrainConfig("images", global_scale=scale)
