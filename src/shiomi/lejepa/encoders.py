"""Encoders: a small one for small images on a CPU, any of timm's, or a module of the user's.

An image encoder takes (N, 3, H, W) in [0, 1] and returns (N, width); what it expects of mean and
deviation is inside it. The projector stands behind it while it is trained and is thrown away.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from shiomi.extras import needs_extra
from shiomi.lejepa.errors import InputError, MissingError

__all__ = ["ImageEncoder", "Network", "SmallConvNet", "build_encoder", "feature_width", "projector"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as timm's weights expect


class ImageEncoder(nn.Module):
    """A body that expects normalised images, made to take images in [0, 1]."""

    def __init__(
        self, body: nn.Module, mean: Sequence[float] = _MEAN, std: Sequence[float] = _STD
    ) -> None:
        super().__init__()
        self.body = body
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, width) features of images (N, 3, H, W) in [0, 1]."""
        features: Tensor = self.body(self._normalised(images))
        return features.flatten(1)

    def patch_features(self, images: Tensor) -> Tensor:
        """Return (N, C, h, w): the features before pooling, where the body can tell them.

        Raises InputError where it cannot.
        """
        forward = getattr(self.body, "forward_features", None)
        if forward is None:
            raise InputError(f"{type(self.body).__name__} has no forward_features, so no patches")
        features: Tensor = forward(self._normalised(images))
        if features.ndim == 3:  # tokens of a transformer: (N, prefix + h w, C)
            tokens = features[:, getattr(self.body, "num_prefix_tokens", 0) :]
            height = round(math.sqrt(tokens.shape[1]))
            features = tokens.transpose(1, 2).unflatten(2, (height, -1))
        elif features.shape[1] != feature_channels(self.body, features):
            features = features.permute(0, 3, 1, 2)  # channels last, as Swin has them
        return features

    def _normalised(self, images: Tensor) -> Tensor:
        images = (images - self.mean) / self.std
        return images.contiguous(memory_format=torch.channels_last)


class SmallConvNet(nn.Module):
    """A residual network for images of 32 to 64 pixels, sized for minutes on two CPU cores.

    A convolution of stride 2, `widths[0]` wide, then for each further width a residual block of
    stride 2 with two 3 x 3 convolutions and batch normalisation; the mean over places is the
    feature. A block at the first resolution would cost two fifths more (docs/lejepa/results.md).
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 192)) -> None:
        super().__init__()
        self.num_features = widths[-1]
        layers: list[nn.Module] = [_convolution(3, widths[0], 2), nn.ReLU(inplace=True)]
        layers += [_Block(before, width) for before, width in pairwise(widths)]
        self.layers = nn.Sequential(*layers)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return (N, widths[-1], h, w)."""
        features: Tensor = self.layers(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, widths[-1])."""
        pooled: Tensor = self.forward_features(x).mean(dim=(2, 3))
        return pooled


class _Block(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.first = _convolution(before, width, 2)
        self.second = _convolution(width, width, 1)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(before, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(torch.relu_(self.first(x)))
        added: Tensor = torch.relu_(y + self.shortcut(x))
        return added


class Network(nn.Module):
    """Encoder and projector, called once per step with all views."""

    def __init__(self, encoder: nn.Module, projector: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector

    def forward(self, groups: Sequence[Tensor], count: int) -> Tensor:
        """Return (V, count, D) of groups of views, each (v * count, ...), view by view."""
        features = [self.encoder(group) for group in groups]
        projected: Tensor = self.projector(torch.cat(features))
        return projected.view(-1, count, projected.shape[-1])


def build_encoder(name: str, size: int) -> nn.Module:
    """Return an untrained encoder for images of `size` pixels.

    `name` is "small", `module:function` (an importable function without arguments that returns an
    nn.Module on images in [0, 1]), or a model of timm such as "vit_small_patch8_224".

    Raises
    ------
    InputError
        There is no such encoder.
    MissingError
        It is one of timm's, and timm or torchvision is not installed.
    """
    if name == "small":
        return ImageEncoder(SmallConvNet())
    if ":" in name:
        return _imported(name)
    return ImageEncoder(_from_timm(name, size))


def projector(
    width: int, *, out: int = 64, hidden: int | None = None, layers: int = 3
) -> nn.Module:
    """Return a perceptron (N, width) -> (N, out) with `layers` linear maps.

    `hidden` is the width between them; None: twice `width`, at most 2048.
    Batch normalisation and ReLU stand between them, as in the paper's table 4, where three layers
    do better than one; its width of 64 beats 1024 there (table 1).

    Raises InputError where a number is not positive.
    """
    hidden = min(2 * width, 2048) if hidden is None else hidden
    if min(width, out, hidden, layers) < 1:
        raise InputError(f"a projector of {layers} layers, {hidden} and {out} wide cannot be meant")
    parts: list[nn.Module] = []
    for _ in range(layers - 1):
        parts += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(True)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, out))


def feature_width(encoder: nn.Module, example: Tensor) -> int:
    """Return the width of what `encoder` makes of `example`; its state is left as it was.

    Raises InputError where it is no (N, width).
    """
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        features = encoder(example)
    encoder.train(training)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(example):
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise InputError(f"the encoder gives {shape} for {len(example)} inputs; (N, width) is due")
    return features.shape[1]


def feature_channels(body: nn.Module, features: Tensor) -> int:
    """Return the number of channels that `body` says its features have."""
    return int(getattr(body, "num_features", features.shape[1]))


def _convolution(before: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))


def _imported(name: str) -> nn.Module:
    module_name, _, function = name.partition(":")
    try:
        encoder = getattr(importlib.import_module(module_name), function)()
    except (ImportError, AttributeError) as error:
        raise InputError(f"the encoder {name} cannot be imported: {error}") from None
    if not isinstance(encoder, nn.Module):
        raise InputError(f"{name} returned {type(encoder).__name__}, not an nn.Module")
    return encoder


def _from_timm(name: str, size: int) -> nn.Module:
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # torchvision without its operators: RuntimeError
        missing = needs_extra(f"encoder {name!r}", "timm", "lejepa")
        raise MissingError(f"{missing} ({error}); or use --encoder small") from None
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:5] or timm.list_models(f"{name[:4]}*")[:5]
        raise InputError(
            f"timm has no model {name!r}" + (f"; near are {', '.join(near)}" if near else "")
        )
    sized: dict[str, Any] = {"img_size": size}
    for options in ({**sized, "dynamic_img_size": True}, sized, {}):
        try:
            body: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
        except TypeError:  # convolutional models know no image size
            continue
        return body
    raise InputError(f"timm cannot build {name!r} without a head")
