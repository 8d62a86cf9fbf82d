"""Finer maps of patch features, from an image seen at several shifts.

A convolutional network of stride 16 has 2 x 2 places in an image of 32 pixels: nothing to look at.
If the image is shifted by a part of the stride, the network gives the features of the places
between. Together the maps equal the output at a smaller stride, at the scale it was trained for,
but for
what it makes of the image's borders.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import pad

__all__ = ["dense_map"]

_PLACES = 8  # along a side, at least


def dense_map(patch_features: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return patch features (N, C, H, W) of images (N, 3, S, S), with 8 x 8 places or more.

    `patch_features` gives (N, C, h, w). If h is 8 or more, that is the result. Else the image is
    mirrored at its borders and shifted until there are 8 places.
    """
    plain = patch_features(images)
    height, width = plain.shape[2:]
    side = images.shape[-1]
    shifts = -(-_PLACES // min(height, width))
    stride = side / min(height, width)
    if shifts == 1 or stride < shifts:
        return plain
    border = min(side - 1, round(stride / 2))
    wide = pad(images, (border,) * 4, mode="reflect")
    offsets = [round(border + stride * ((i + 0.5) / shifts - 0.5)) for i in range(shifts)]
    dense = plain.new_empty(len(images), plain.shape[1], height * shifts, width * shifts)
    for row, top in enumerate(offsets):
        for column, left in enumerate(offsets):
            shifted = wide[:, :, top : top + side, left : left + side]
            dense[:, :, row::shifts, column::shifts] = patch_features(shifted.contiguous())
    return dense
