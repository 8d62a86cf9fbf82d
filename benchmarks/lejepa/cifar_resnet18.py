"""ResNet-18 as CIFAR-10 is trained with: a 3 x 3 stem of stride 1 and no pooling before the blocks.

shiomi lejepa pretrain IMAGES --encoder benchmarks.lejepa.cifar_resnet18:encoder
"""

from __future__ import annotations

import timm
from torch import nn

from shiomi.lejepa.encoders import ImageEncoder

__all__ = ["encoder"]


def encoder() -> nn.Module:
    """Return timm's ResNet-18 (512 features) with that stem, untrained."""
    body = timm.create_model("resnet18", pretrained=False, num_classes=0)
    body.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    body.maxpool = nn.Identity()
    return ImageEncoder(body)
