"""The settings of a run, as frozen dataclasses. The run's folder keeps them as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from shiomi.lejepa.arguments import check_number, check_range, check_whole
from shiomi.lejepa.encoders import projector
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.variants import Variant, check_lam, named_variant
from shiomi.lejepa.views import Augmentations, MultiCrop

__all__ = ["PretrainConfig", "Speed", "Training", "differing", "flat", "from_json", "to_json"]

_SMALL_SIDE = 64  # pixels; up to this side of a global view, images count as small


@dataclass(frozen=True, slots=True)
class Training:
    """Settings of the training of a network, for any kind of input. Each setting affects the
    weights."""

    steps: int | None = None
    """Number of optimiser steps; None: the steps of `epochs`."""
    epochs: float = 100
    batch_size: int = 256
    """Samples per step, over all ranks and accumulated parts."""
    accumulate: int = 1
    """Number of parts into which a rank divides its samples of a step. The loss is still computed
    for all of these samples together."""
    lr: float = 2e-3
    final_lr: float = 1e-3
    """The learning rate of the last step, as a share of `lr`."""
    optimiser: str = "adamw"
    """adamw, or lars (momentum 0.9, trust coefficient 1e-3)."""
    clip: float | None = None
    """The largest norm of the gradient; larger gradients are clipped. None: no clipping."""
    weight_decay: float = 5e-2
    warmup: float = 0.05
    """Share of the steps during which the learning rate rises."""
    variant: str = "default"
    """Variant of the objective: a name in `shiomi.lejepa.variants.VARIANTS`."""
    lam: float | None = None
    """Weight of SIGReg, λ; None: the variant's default."""
    slices: int | None = None
    """Number of directions per step; None: the variant's default."""
    precision: str = "auto"
    """fp32, bf16, or auto: bf16 on CUDA, else fp32."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InputError if a number is out of range."""
        for name in ("epochs", "lr"):
            check_number(name, getattr(self, name), above=0)
        for name in ("batch_size", "accumulate", "steps", "slices"):
            optional = name in ("steps", "slices")
            check_whole(name, getattr(self, name), least=1, optional=optional)
        check_whole("seed", self.seed)
        check_lam(self.objective.lam, self.objective)
        check_number("warmup", self.warmup, least=0, below=1)
        check_number("weight_decay", self.weight_decay, least=0)
        check_number("final_lr", self.final_lr, least=0, most=1)
        check_number("clip", self.clip, above=0, optional=True)
        if self.optimiser not in ("adamw", "lars"):
            raise InputError(f"optimiser must be adamw or lars, got {self.optimiser!r}")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"precision is {self.precision!r}; give fp32, bf16 or auto")

    @property
    def objective(self) -> Variant:
        """Return the variant with this configuration's λ and number of slices."""
        variant = named_variant(self.variant)
        return dataclasses.replace(
            variant,
            lam=variant.lam if self.lam is None else self.lam,
            slices=self.slices or variant.slices,
        )

    def steps_for(self, count: int) -> int:
        """Return the number of steps for `count` samples. An incomplete last batch is dropped."""
        return self.steps or max(1, int(self.epochs * (count // self.batch_size)))


@dataclass(frozen=True, slots=True)
class Speed:
    """Settings of how a training is computed. They change the weights only by rounding."""

    compile: bool = False
    """Compile the encoder with torch.compile."""
    fused: bool = False
    """Run AdamW as one fused kernel."""
    recompute: bool = False
    """Recompute the activations of each block of a timm encoder in the backward pass, to save
    memory."""
    shard: bool = False
    """Divide the weights, the gradients and the optimiser's state over the ranks (FSDP2)."""
    benchmark: bool = False
    """Let cuDNN time its algorithms and use the fastest; a restart may use others."""


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """The settings of an image encoder's run. A value that is None is chosen from the images."""

    images: str
    encoder: str = "small"
    drop_path: float = 0.0
    """Probability that a residual branch is left out. Only encoders from timm support it."""
    labels: str | None = None
    use_labels: bool = True
    image_column: str | None = None
    """The column of images in a parquet file or a data set on disk; None: found by its type."""
    label_column: str | None = None
    training: Training = field(default_factory=Training)
    projector_width: int = 64
    projector_hidden: int | None = None
    """Width between the projector's layers; None: twice the encoder's width, at most 2048."""
    projector_layers: int = 3
    stored_size: int | None = None
    """Side of the decoded images; None: 1.5 times the side of a global view, but at most the
    images' own side."""
    global_views: int = 2
    global_size: int | None = None
    """Side of a global view; None: the images' own side, at most 224."""
    global_scale: tuple[float, float] = (0.3, 1.0)
    local_views: int | None = None
    """Number of local views; None: 6, but 0 for small images, because a local view of 16 pixels
    shows little and costs time."""
    local_size: int | None = None
    """Side of a local view; None: 96/224 of the global size."""
    local_scale: tuple[float, float] = (0.05, 0.3)
    augmentations: Augmentations | None = None
    """None: the paper's augmentations; for small images without blur and solarisation."""

    def __post_init__(self) -> None:
        """Raise InputError if the views are out of range."""
        check_whole("global_views", self.global_views)
        check_whole("local_views", self.local_views, optional=True)
        for name in ("projector_width", "projector_hidden", "projector_layers"):
            optional = name == "projector_hidden"
            check_whole(name, getattr(self, name), least=1, optional=optional)
        check_number("drop_path", self.drop_path, least=0, below=1)
        for name in ("global_scale", "local_scale"):
            check_range(name, getattr(self, name), most=1)
        local = self.local_views or 0
        one_alone = self.local_views is not None and self.global_views + local < 2
        if self.global_views < 1 or local < 0 or one_alone:
            raise InputError(
                f"{self.global_views} global and {local} local views: give at least one global"
                " view and two in all"
            )
        for name in ("stored_size", "global_size", "local_size"):
            check_whole(name, getattr(self, name), least=8, most=4096, optional=True)

    def resolved(self, typical_side: int) -> PretrainConfig:
        """Return a copy with every None replaced, for images whose shorter side is
        `typical_side`."""
        whole = self.global_size or max(8, min(224, typical_side))
        part = self.local_size or max(8, round(whole * 96 / 224 / 8) * 8)
        stored = self.stored_size or max(whole, min(typical_side, whole * 3 // 2))
        local, augmentations = self.local_views, self.augmentations
        if local is None:
            # With one global view, local views are needed, because views are compared.
            local = 0 if whole <= _SMALL_SIDE and self.global_views > 1 else 6
        if augmentations is None:
            small = Augmentations(blur=0.0, solarize=0.0)
            augmentations = small if whole <= _SMALL_SIDE else Augmentations()
        return dataclasses.replace(
            self,
            global_size=whole,
            local_views=local,
            local_size=part,
            stored_size=stored,
            augmentations=augmentations,
        )

    def projector(self, width: int) -> nn.Module:
        """Return the projector of features (N, width)."""
        return projector(
            width,
            out=self.projector_width,
            hidden=self.projector_hidden,
            layers=self.projector_layers,
        )

    def crops(self) -> MultiCrop:
        """Return the function that makes the views. No size may be None."""
        whole, part = self.global_size, self.local_size
        local, augmentations = self.local_views, self.augmentations
        if whole is None or part is None or local is None or augmentations is None:
            raise InputError("views are not chosen yet: call `resolved` first")
        return MultiCrop(
            self.global_views,
            whole,
            self.global_scale,
            local,
            part,
            self.local_scale,
            augmentations,
        )


def to_json(config: PretrainConfig) -> str:
    """Return the configuration in the form that a run's folder keeps."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text: str) -> PretrainConfig:
    """Return a configuration that `to_json` wrote. Raises InputError if it is not one."""
    try:
        value = json.loads(text)
        tuples = {
            name: tuple(value[name]) for name in ("global_scale", "local_scale") if name in value
        }
        drawn: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v
            for k, v in (value["augmentations"] or {}).items()
        }
        return PretrainConfig(
            **{
                **value,
                **tuples,
                "training": Training(**value["training"]),
                "augmentations": Augmentations(**drawn) if drawn else None,
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a run's configuration: {error}") from None


def flat(config: PretrainConfig) -> dict[str, Any]:
    """Return the values under dotted keys: `training.lr`, `augmentations.blur`."""
    found: dict[str, Any] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{key}.{name}" if key else name)
        else:
            found[key] = tuple(value) if isinstance(value, list) else value

    walk(dataclasses.asdict(config), "")
    return found


def differing(one: PretrainConfig, other: PretrainConfig) -> list[tuple[str, Any, Any]]:
    """Return the keys in which two configurations differ, with both values."""
    a, b = flat(one), flat(other)
    return [(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)]
