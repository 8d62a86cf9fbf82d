"""Compute finer maps of patch features by shifting the image several times.

For an image of 32 pixels, a convolutional network of stride 16 has only 2 x 2 spatial positions.
These are too few to see anything. If the image is shifted by a fraction of the stride, the network
computes the features of positions in between. The maps of all shifts together equal the output at a
smaller stride, except near the borders. The image keeps the scale that the network was trained for.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import pad

__all__ = ["dense_map"]

_PLACES = 8  # least number of spatial positions along a side


def dense_map(patch_features: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return patch features (N, C, H, W) of images (N, 3, S, S), with at least 8 x 8 positions.

    `patch_features` returns (N, C, h, w). If h and w are at least 8, this output is the result.
    Else the image is mirrored at its borders and shifted often enough to give 8 positions.
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
