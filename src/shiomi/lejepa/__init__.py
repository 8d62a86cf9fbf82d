"""Self-supervised learning with LeJEPA: a prediction loss and SIGReg (arXiv 2511.08544).

    from shiomi.lejepa import PretrainConfig, load_encoder, pretrain

    pretrain(PretrainConfig("photos"), "run")
    encoder = load_encoder("run")

The names below are imported when they are first used, so that the error classes can be imported
without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shiomi.lejepa.config import PretrainConfig, Training
    from shiomi.lejepa.epps_pulley import EppsPulley
    from shiomi.lejepa.loss import LejepaLoss, lejepa_loss
    from shiomi.lejepa.pretraining import Run, pretrain
    from shiomi.lejepa.run_folder import RunFolder, load_encoder
    from shiomi.lejepa.sigreg import SIGReg
    from shiomi.lejepa.train import Trainer
    from shiomi.lejepa.views import Augmentations, MultiCrop

__all__ = [
    "Augmentations",
    "EppsPulley",
    "LejepaLoss",
    "MultiCrop",
    "PretrainConfig",
    "Run",
    "RunFolder",
    "SIGReg",
    "Trainer",
    "Training",
    "lejepa_loss",
    "load_encoder",
    "pretrain",
]

_HOMES = {
    "config": ("PretrainConfig", "Training"),
    "epps_pulley": ("EppsPulley",),
    "loss": ("LejepaLoss", "lejepa_loss"),
    "pretraining": ("Run", "pretrain"),
    "run_folder": ("RunFolder", "load_encoder"),
    "sigreg": ("SIGReg",),
    "train": ("Trainer",),
    "views": ("Augmentations", "MultiCrop"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"shiomi.lejepa.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
