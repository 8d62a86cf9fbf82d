"""Encoders: a small one for small images on a CPU, any model of timm, or a module of the user.

An image encoder takes images (N, 3, H, W) in [0, 1] and returns features (N, width). The encoder
itself normalises its input. During training, the projector is applied to the encoder's output.
After training, the projector is discarded.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from shiomi.lejepa.errors import InputError
from shiomi.lejepa.timm_models import timm_model

__all__ = ["ImageEncoder", "Network", "SmallConvNet", "build_encoder", "feature_width", "projector"]

# Mean and standard deviation of ImageNet, as timm's weights expect.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageEncoder(nn.Module):
    """A network for normalised images, wrapped so that it takes images in [0, 1]."""

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
        """Return (N, C, h, w), the features before pooling.

        Raises InputError if the body has no such features.
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
    """A residual network for images of 32 to 64 pixels; it trains in minutes on two CPU cores.

    The first layer is a convolution of stride 2 with `widths[0]` channels. After it, there is one
    residual block for each further width. A block has stride 2, two 3 x 3 convolutions and batch
    normalisation. The feature is the mean over spatial positions. An additional block at the first
    resolution would cost two fifths more time (docs/lejepa/results.md).
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
        """Return embeddings (V, count, D) of groups of views. Each group is (v * count, ...), view
        after view."""
        features = [self.encoder(group) for group in groups]
        projected: Tensor = self.projector(torch.cat(features))
        return projected.view(-1, count, projected.shape[-1])


def build_encoder(name: str, size: int, drop_path: float = 0.0) -> nn.Module:
    """Return an untrained encoder for images of `size` pixels.

    `name` is "small", "resnet18-cifar" (a stem of 3 x 3 and stride 1 without pooling, as usual for
    CIFAR-10), `module:function` (an importable function without arguments that returns an nn.Module
    on images in [0, 1]), or a model of timm such as "vit_small_patch8_224".

    Raises
    ------
    InputError
        There is no such encoder.
    MissingError
        The encoder is a model of timm, and timm or torchvision cannot be imported.
    """
    if drop_path and (name in ("small", "resnet18-cifar") or ":" in name):
        raise InputError(f"drop_path is {drop_path}, and {name} has none; it is for timm's models")
    if name == "resnet18-cifar":
        body = timm_model("resnet18", size)
        body.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        body.maxpool = nn.Identity()
        return ImageEncoder(body)
    if name == "small":
        return ImageEncoder(SmallConvNet())
    if ":" in name:
        return _imported(name)
    return ImageEncoder(timm_model(name, size, drop_path))


def projector(
    width: int, *, out: int = 64, hidden: int | None = None, layers: int = 3
) -> nn.Module:
    """Return a multilayer perceptron (N, width) -> (N, out) with `layers` linear maps.

    `hidden` is the width between the maps; None: twice `width`, at most 2048. Batch normalisation
    and ReLU follow each map except the last. In the paper's table 4, three layers are better than
    one; in its table 1, an output width of 64 is better than 1024.

    Raises InputError if a number is not positive.
    """
    hidden = min(2 * width, 2048) if hidden is None else hidden
    if min(width, out, hidden, layers) < 1:
        raise InputError(
            "projector width, layers, hidden and out must be >= 1,"
            f" got {width}, {layers}, {hidden} and {out}"
        )
    parts: list[nn.Module] = []
    for _ in range(layers - 1):
        parts += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(True)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, out))


def feature_width(encoder: nn.Module, example: Tensor) -> int:
    """Return the feature width of `encoder` for `example`. The encoder's state is unchanged. Raises
    InputError if the output is not (N, width).
    """
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        features = encoder(example)
    encoder.train(training)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(example):
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise InputError(
            f"the encoder returned {shape} for {len(example)} inputs; it must return (N, width)"
        )
    return features.shape[1]


def feature_channels(body: nn.Module, features: Tensor) -> int:
    """Return the number of feature channels from the attribute that `body` declares."""
    return int(getattr(body, "num_features", features.shape[1]))


def _convolution(before: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))


def _imported(name: str) -> nn.Module:
    module_name, _, function = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # a console script does not have the current folder in sys.path
    try:
        encoder = getattr(importlib.import_module(module_name), function)()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the encoder {name} cannot be imported: {error}; call from the folder of"
            f" {module_name.partition('.')[0]}.py, or name that folder in PYTHONPATH"
        ) from None
    finally:
        sys.path.remove(here)
    if not isinstance(encoder, nn.Module):
        raise InputError(f"{name} returned {type(encoder).__name__}, not an nn.Module")
    return encoder
