"""Recipes value by value, configurations as TOML, and the command's layers above them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shiomi.cli.lejepa.pretrain import pretrain
from shiomi.lejepa.config import PretrainConfig, Training, flat
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.recipes import configured, read_config_file, recipe, recipe_names, to_toml
from shiomi.lejepa.variants import VARIANTS, convert_lam
from shiomi.lejepa.views import Augmentations

# Typed here from the public texts that each recipe names, not read from the file under test.
STATED: dict[str, dict[str, Any]] = {
    "minimal": {
        "encoder": "vit_small_patch8_224", "drop_path": 0.1, "stored_size": 160,
        "global_views": 4, "local_views": 0, "global_size": 128, "global_scale": (0.08, 1.0),
        "projector_width": 16, "projector_hidden": 2048, "training.lam": 0.02,
        "training.epochs": 800, "training.batch_size": 256, "training.lr": 2e-3,
        "training.weight_decay": 0.05, "augmentations.brightness": 0.8,
        "augmentations.contrast": 0.8, "augmentations.saturation": 0.8, "augmentations.hue": 0.2,
    },
    "eb-jepa": {
        "encoder": "resnet18-cifar", "global_views": 2, "local_views": 0, "global_size": 32,
        "global_scale": (0.2, 1.0), "augmentations.solarize": 0.1, "projector_width": 128,
        "projector_hidden": 2048, "projector_layers": 3, "training.optimiser": "lars",
        "training.lr": 0.3, "training.final_lr": 0.0, "training.weight_decay": 1e-4,
        "training.batch_size": 256, "training.epochs": 300, "training.lam": 10.0,
        "training.slices": 256,
    },
    "stable-pretraining": {
        "encoder": "vit_small_patch16_224", "local_size": 96, "training.epochs": 200,
        "training.lam": 0.02, "training.slices": 1024, "training.final_lr": 0.01,
        "augmentations.brightness": 0.4, "augmentations.contrast": 0.4,
        "augmentations.saturation": 0.2, "augmentations.hue": 0.1,
    },
    "lightly": {
        "encoder": "vit_small_patch16_224", "local_size": 96, "training.epochs": 100,
        "training.lam": 0.05, "training.slices": 1024, "training.final_lr": 1e-3,
    },
    "paper-inet10": {
        "global_views": 2, "local_views": 6, "global_size": 224, "local_size": 96,
        "projector_width": 64, "training.lam": 0.05, "training.slices": 1024,
        "training.batch_size": 128, "training.final_lr": 1e-3,
        "augmentations.brightness": 0.4, "augmentations.contrast": 0.4,
        "augmentations.saturation": 0.2, "augmentations.hue": 0.1,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_a_recipe_has_every_stated_value(name: str) -> None:
    found = flat(configured(recipe(name).values, {"images": "x"}))
    assert {key: found[key] for key in STATED[name]} == STATED[name]


def test_every_recipe_is_here_and_says_where_it_is_from() -> None:
    assert set(recipe_names()) == set(STATED)
    for name in recipe_names():
        assert recipe(name).source
        assert recipe(name).not_stated


@pytest.mark.parametrize("name", STATED)
def test_sigreg_pulls_as_hard_as_the_anchor_does(name: str) -> None:
    """The recipe's variant is the anchor's own objective: its λ needs no conversion."""
    training = configured(recipe(name).values, {"images": "x"}).training
    anchor = {"minimal": 0.02, "eb-jepa": 10.0, "stable-pretraining": 0.02}.get(name, 0.05)
    variant = {"paper-inet10": "paper"}.get(name, name)
    options = {"samples": training.batch_size, "views": 2, "global_views": 2}
    converted = convert_lam(anchor, variant, training.variant, **options)
    assert 1 / 1.2 < (training.lam or 0) / converted < 1.2
    assert training.objective.statistic == VARIANTS[variant].statistic


def test_minimal_s_rate_ends_at_a_thousandth_and_not_at_half_of_nothing() -> None:
    training = configured(recipe("minimal").values, {"images": "x"}).training
    assert training.lr * training.final_lr == pytest.approx(1e-3)


def test_a_run_s_toml_gives_the_same_run(tmp_path: Path) -> None:
    config = PretrainConfig(
        'with "quotes" and \\',
        labels="é\t",
        training=Training(lam=0.1, clip=1.0, seed=3, steps=7),
        augmentations=Augmentations(blur=0.0),
    ).resolved(32)
    (tmp_path / "run.toml").write_text(to_toml(config), "utf-8")
    assert configured(read_config_file(tmp_path / "run.toml")) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imges = 'x'", "no setting imges"),
        ("images = 'x'\n[training]\nlrr = 1", "no setting training.lrr"),
        ("images = 'x'\ntraining = 3", r"\[training\] must be a table, got 3"),
        ("encoder = 'small'", "`images` is missing"),
        ("images = 'x'\nglobal_scale = 1", "global_scale must be two numbers .*, got 1"),
        ("images = ", "cannot be read"),
    ],
)
def test_a_wrong_configuration_file_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        configured(read_config_file(path))


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InputError, match="no recipe 'minmal'; did you mean minimal"):
        recipe("minmal")


def test_options_stand_above_the_file_and_the_file_above_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[PretrainConfig] = []

    def stop(config: PretrainConfig, *_args: Any, **_options: Any) -> None:
        told.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("shiomi.lejepa.pretraining.pretrain", stop)
    (tmp_path / "c.toml").write_text("[training]\nlr = 1e-4\nepochs = 3\n")
    arguments = ["photos", "--out", str(tmp_path / "run"), "--recipe", "minimal", "--epochs", "5"]
    arguments += ["--config", str(tmp_path / "c.toml"), "--jitter", "0.1", "0.2", "0.3", "0.4"]
    CliRunner().invoke(pretrain, arguments)
    (config,) = told
    assert config.images == str(Path("photos").absolute())
    assert (config.training.epochs, config.training.lr, config.training.lam) == (5, 1e-4, 0.02)
    assert config.augmentations is not None
    assert (config.augmentations.hue, config.augmentations.grey) == (0.4, 0.2)
