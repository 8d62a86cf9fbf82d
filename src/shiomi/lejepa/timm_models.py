"""Use encoders from timm: import timm with any build of torch, create models, convert norm
layers."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch
from torch import nn

from shiomi.extras import needs_extra
from shiomi.lejepa.errors import InputError, MissingError

__all__ = ["import_timm", "sync_batch_norms", "timm_model", "timm_options"]

_DECLARED: list[torch.library.Library] = []  # a freed Library removes its operators


def import_timm() -> ModuleType:
    """Return the timm module.

    PyPI's torchvision cannot be imported with a CPU-only build of torch, because its compiled part
    was built for another torch. But timm only needs the Python part of torchvision. So this
    function declares two operators without an implementation and imports again.

    Raises MissingError if timm or torchvision is not installed or cannot be imported.
    """
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise _missing(error) from None
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise _missing(error) from None
    _forget("timm", "torchvision")  # modules that were only partly imported
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _DECLARED.append(library)
    try:
        return importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:
        raise _missing(error) from None


def timm_model(name: str, size: int, drop_path: float = 0.0) -> nn.Module:
    """Return an untrained timm model without a head, for images of `size` pixels.

    Raises InputError if timm has no such model or the model has no drop path, MissingError if timm
    cannot be imported.
    """
    timm = import_timm()
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:5] or timm.list_models(f"{name[:4]}*")[:5]
        raise InputError(
            f"timm has no model {name!r}" + (f"; similar names: {', '.join(near)}" if near else "")
        )
    return _built(timm, name, size, {"drop_path_rate": drop_path} if drop_path else {})[0]


def timm_options(name: str, size: int | None) -> list[tuple[str, Any]]:
    """Return the options that `timm_model` passes to timm.create_model in addition to the name."""
    return list(_built(import_timm(), name, size or 224)[1].items())


def _built(
    timm: ModuleType, name: str, size: int, extra: dict[str, Any] | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    more = extra or {}
    sized: dict[str, Any] = {"img_size": size, **more}
    for options in ({**sized, "dynamic_img_size": True}, sized, more):
        try:
            body: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
        except TypeError:  # convolutional models have no option for the image size
            continue
        return body, options
    told = f" with {more}" if more else ""
    raise InputError(f"timm cannot build {name!r} without a head{told}")


def sync_batch_norms(network: nn.Module) -> nn.Module:
    """Return `network` with batch normalisation layers that share statistics across ranks.

    torch's converter replaces timm's `BatchNormAct2d` by a plain SyncBatchNorm and so loses its
    activation. timm's converter keeps the activation.
    """
    layers = sys.modules.get("timm.layers")
    if layers is not None:
        converted: nn.Module = layers.convert_sync_batchnorm(network)
        return converted
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return]


def _forget(*packages: str) -> None:
    for module in [m for m in sys.modules if m.partition(".")[0] in packages]:
        del sys.modules[module]


def _missing(error: Exception) -> MissingError:
    missing = needs_extra("an encoder from timm", "timm", "lejepa")
    return MissingError(f"{missing} ({error}); or use --encoder small")
