"""Make multi-crop views of a batch on the device, by batched matrix products.

The augmentations are the paper's (arXiv 2511.08544, and the README of its code): a random resized
crop, a mirror image, colour jitter, grey, blur, solarisation. All of these except solarisation are
linear, so they can be combined:

- Crop, resizing with anti-aliasing, mirroring and blur are one matrix per side: a view is
  `rows @ image @ columns.T`, for each channel.
- Brightness, contrast, saturation, hue and grey are one 3 x 4 matrix per image.

For this reason two things differ from a chain of torchvision's transforms. Values are clipped to
[0, 1] only once, after all transforms. A change of hue is a rotation around the grey axis, not a
change in HSV.

All parameters are functions of (seed, step, image, view): see `shiomi.lejepa.counter_random`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shiomi.lejepa.arguments import check_number, check_range
from shiomi.lejepa.counter_random import uniform
from shiomi.lejepa.data.images import Batch

__all__ = [
    "Augmentations",
    "Drawn",
    "MultiCrop",
    "ViewParameters",
    "render",
    "resize",
    "view_parameters",
]

_LUMA = (0.299, 0.587, 0.114)  # weights of R, G, B in a grey value, ITU-R BT.601
_REFERENCE_SIDE = 224  # pixels; side of a view for which the blur's sigma is given
_DRAWS = 16  # random numbers that each view needs
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Augmentations:
    """The augmentations of a view after cropping. Probabilities are per view."""

    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Width / height of a crop, log-uniform."""
    flip: float = 0.5
    jitter: float = 0.8
    """Probability of colour jitter. Its strengths have the same meaning as in torchvision's
    ColorJitter."""
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """In pixels, for a view of 224 pixels; it is scaled with the view's side."""
    solarize: float = 0.2
    """Probability of solarisation, which inverts values above 1/2."""

    def __post_init__(self) -> None:
        """Raise InputError if a value is out of range."""
        for name in ("flip", "jitter", "grey", "blur", "solarize"):
            check_number(name, getattr(self, name), least=0, most=1)
        for name, most in (("brightness", 10), ("contrast", 10), ("saturation", 10), ("hue", 0.5)):
            check_number(name, getattr(self, name), least=0, most=most)
        for name in ("ratio", "blur_sigma"):
            check_range(name, getattr(self, name), most=100)


@dataclass(frozen=True, slots=True)
class MultiCrop:
    """The numbers and sizes of views. The global views come first."""

    global_views: int = 2
    global_size: int = 224
    global_scale: tuple[float, float] = (0.3, 1.0)
    """Range of a crop's share of the image's area, drawn uniformly."""
    local_views: int = 6
    local_size: int = 96
    local_scale: tuple[float, float] = (0.05, 0.3)
    augmentations: Augmentations = field(default_factory=Augmentations)

    def __call__(
        self, batch: Batch, numbers: Sequence[int], *, seed: int, step: int
    ) -> list[Tensor]:
        """Return views of images, as float32 in [0, 1] on the device of `batch.pixels`.

        The first tensor is (global_views * N, 3, global_size, global_size), view by view. The
        second is (local_views * N, 3, local_size, local_size); it is missing if there are no local
        views. `numbers` are the numbers of the images, from which their random numbers are derived.
        """
        return self.render(batch.pixels, self.draw(batch.ratio, numbers, seed=seed, step=step))

    def draw(self, ratio: Tensor, numbers: Sequence[int], *, seed: int, step: int) -> Drawn:
        """Draw the parameters of all views of images with width / height `ratio` (N,).

        This runs on the CPU and in any thread, so the thread that reads images can also draw.
        """
        kinds = (
            (0, self.global_views, self.global_size, self.global_scale),
            (self.global_views, self.local_views, self.local_size, self.local_scale),
        )
        groups, values = [], []
        for first, count, size, scale in kinds:
            made = [
                view_parameters(
                    ratio, numbers, self.augmentations, scale, seed=seed, step=step, view=view
                )
                for view in range(first, first + count)
            ]
            if made:
                group, packed = _packed(made, size)
                groups.append(group)
                values.append(packed)
        return Drawn(torch.cat(values), tuple(groups))

    @staticmethod
    def render(pixels: Tensor, drawn: Drawn) -> list[Tensor]:
        """Return the views, one tensor for each size, of `pixels` (N, 3, H, W) uint8.

        The parameters are copied to the device of `pixels` in a single copy. If they are pinned,
        the copy runs while the device computes.
        """
        values = drawn.values.to(pixels.device, non_blocking=True)
        pixels = pixels.float().div_(255)
        parts = values.split([len(pixels) * group.views for group in drawn.groups])
        return [
            _render(pixels, part, group) for part, group in zip(parts, drawn.groups, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Group:
    """The number and size of some views, and how many of their images are blurred and solarised."""

    views: int
    size: int
    blurred: int
    solarized: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The parameters of all views of a batch, in one tensor."""

    values: Tensor
    """(views * N, 26) float32: left, top, width and height of the crop; flip; colour (9); contrast
    (9); sigma; and two columns of row numbers. The first entries of these two columns are the rows
    to blur and the rows to solarise. The host knows the numbers of these rows, so it does not have
    to wait for the device."""
    groups: tuple[_Group, ...]

    def pinned(self) -> Drawn:
        """Return a copy in page-locked memory."""
        return Drawn(self.values.pin_memory(), self.groups)


@dataclass(frozen=True, slots=True)
class ViewParameters:
    """The parameters of one view of N images. Crops are in shares of the image's width and
    height."""

    left: _Floats  # (N,)
    top: _Floats
    width: _Floats
    height: _Floats
    flip: NDArray[np.bool_]
    colour: _Floats  # (N, 3, 3): linear part
    contrast: _Floats  # (N, 3, 3): matrix for the crop's mean colour, which is then added
    sigma: _Floats  # (N,) of the blur, in pixels for a view of 224 pixels; 0: no blur
    solarize: NDArray[np.bool_]


def view_parameters(
    ratio: Tensor,
    numbers: Sequence[int],
    augmentations: Augmentations,
    scale: tuple[float, float],
    *,
    seed: int,
    step: int,
    view: int,
) -> ViewParameters:
    """Draw the parameters of one view, number `view`, of images with width / height `ratio`
    (N,)."""
    a = augmentations
    draw = np.arange(_DRAWS)[:, None]
    u = uniform(seed, step, view, np.asarray(numbers, np.int64)[None], draw)  # (_DRAWS, N)
    left, top, width, height = _crop(u[:4], ratio.cpu().double().numpy(), scale, a.ratio)
    jittered = u[4] < a.jitter
    colour, contrast = _jitter(u[5:10], a)
    colour = np.where(jittered[:, None, None], colour, np.eye(3))
    contrast = np.where(jittered[:, None, None], contrast, 0.0)
    grey = (u[10] < a.grey)[:, None, None]
    to_grey = np.tile(np.array(_LUMA), (3, 1))
    colour = np.where(grey, to_grey @ colour, colour)
    contrast = np.where(grey, to_grey @ contrast, contrast)
    low, high = a.blur_sigma
    return ViewParameters(
        left,
        top,
        width,
        height,
        flip=u[11] < a.flip,
        colour=colour,
        contrast=contrast,
        sigma=np.where(u[12] < a.blur, low + (high - low) * u[13], 0.0),
        solarize=u[14] < a.solarize,
    )


def render(pixels: Tensor, parameters: ViewParameters, size: int) -> Tensor:
    """Return (N, 3, size, size) views in [0, 1] of `pixels` (N, 3, H, W) in [0, 1]."""
    group, values = _packed([parameters], size)
    return _render(pixels, values.to(pixels.device), group)


def _packed(made: Sequence[ViewParameters], size: int) -> tuple[_Group, Tensor]:
    """Return the parameters of several views as rows (views * N, 26), view by view."""
    values = np.concatenate(
        [
            np.column_stack(
                [p.left, p.top, p.width, p.height, p.flip, p.colour.reshape(-1, 9),
                 p.contrast.reshape(-1, 9), p.sigma, np.zeros((len(p.left), 2))]
            )
            for p in made
        ]
    )  # fmt: skip
    blurred = np.flatnonzero(values[:, 23])
    solarized = np.flatnonzero(np.concatenate([p.solarize for p in made]))
    values[: len(blurred), 24] = blurred
    values[: len(solarized), 25] = solarized
    group = _Group(len(made), size, len(blurred), len(solarized))
    return group, torch.from_numpy(values.astype(np.float32))


def _render(pixels: Tensor, values: Tensor, group: _Group) -> Tensor:
    """Return (views * N, 3, size, size) of `pixels` (N, 3, H, W) and parameters (views * N, 26)."""
    n, _, height, width = pixels.shape
    size, views = group.size, group.views
    rows = _resampling(values[:, 1], values[:, 3], height, size)  # (views * N, size, H)
    columns = _resampling(values[:, 0], values[:, 2], width, size, values[:, 4])
    if group.blurred:
        at = values[: group.blurred, 24].long()
        blur = _blur(values[at, 23, None, None] * (size / _REFERENCE_SIDE), size)
        rows[at] = torch.matmul(blur, rows[at])
        columns[at] = torch.matmul(blur, columns[at])
    # All views of an image are computed by one product: (3 H, W) by (W, views * size).
    beside = columns.view(views, n, size, width).permute(1, 3, 0, 2).reshape(n, width, -1)
    wide = torch.bmm(pixels.reshape(n, 3 * height, width), beside)
    wide = wide.view(n, 3, height, views, size).permute(3, 0, 2, 1, 4).reshape(-1, height, 3 * size)
    made = torch.bmm(rows, wide).view(-1, size, 3, size).transpose(1, 2).reshape(-1, 3, size * size)
    colour, contrast = (values[:, i : i + 9].reshape(-1, 3, 3) for i in (5, 14))
    offset = torch.bmm(contrast, made.mean(2, keepdim=True))  # (views * N, 3, 1)
    flat = torch.baddbmm(offset, colour, made).clamp_(0, 1)
    if group.solarized:
        at = values[: group.solarized, 25].long()
        chosen = flat[at]
        flat[at] = torch.where(chosen >= 0.5, 1 - chosen, chosen)
    return flat.view(-1, 3, size, size)


def resize(batch: Batch, size: int) -> Tensor:
    """Return the largest square in the middle of each image: (N, 3, size, size) in [0, 1].

    Stored images are stretched to squares. `batch.ratio` is used to undo the stretching.
    """
    pixels = batch.pixels.float().div_(255)
    ratio = batch.ratio.float()
    if pixels.shape[-2:] == (size, size) and bool((ratio == 1).all()):
        return pixels
    ratio = ratio.to(pixels.device)
    rows, columns = (
        _resampling((1 - s) / 2, s, pixels.shape[-1], size)[:, None]
        for s in (ratio.clamp(max=1), (1 / ratio).clamp(max=1))  # shares of height and width
    )
    return torch.matmul(rows, torch.matmul(pixels, columns.mT)).clamp_(0, 1)


def _crop(
    u: _Floats, image: _Floats, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Return left, top, width and height (N,) as shares of the sides.

    This is torchvision's RandomResizedCrop with one difference: a crop larger than the image is cut
    to the image instead of drawn again, so that the number of random draws is fixed.
    """
    area = scale[0] + (scale[1] - scale[0]) * u[0]
    form = np.exp(np.log(ratio[0]) + (np.log(ratio[1]) - np.log(ratio[0])) * u[1])
    stretched = form / image  # width / height in shares of the sides
    width = np.minimum(np.sqrt(area * stretched), 1.0)
    height = np.minimum(np.sqrt(area / stretched), 1.0)
    return (1 - width) * u[2], (1 - height) * u[3], width, height


def _jitter(u: _Floats, a: Augmentations) -> tuple[_Floats, _Floats]:
    """Return a jitter in random order: its linear part and its matrix for the mean colour, (N, 3,
    3)."""
    n = u.shape[1]
    grey = np.tile(np.array(_LUMA), (3, 1))
    eye = np.eye(3)
    zero = np.zeros((n, 3, 3))

    def around_one(draw: _Floats, strength: float) -> _Floats:
        low = max(0.0, 1 - strength)
        return (low + (1 + strength - low) * draw)[:, None, None]

    brightness = around_one(u[0], a.brightness)
    contrast = around_one(u[1], a.contrast)
    saturation = around_one(u[2], a.saturation)
    parts = (
        (brightness * eye, zero),
        (contrast * eye, (1 - contrast) * grey),
        (saturation * eye + (1 - saturation) * grey, zero),
        (_hue((2 * u[3] - 1) * a.hue), zero),
    )
    orders = np.array(list(permutations(range(4))))[(u[4] * 24).astype(np.int64)]  # (N, 4)
    linear = np.broadcast_to(eye, (n, 3, 3))
    mean = zero
    for place in range(4):
        now = orders[:, place]
        m = np.stack([part[0] for part in parts])[now, np.arange(n)]
        c = np.stack([part[1] for part in parts])[now, np.arange(n)]
        # x' = M x + C mean(x), where x = linear x0 + mean m0 has the mean (linear + mean) m0
        mean = m @ mean + c @ (linear + mean)
        linear = m @ linear
    return linear, mean


def _hue(turn: _Floats) -> _Floats:
    """Return matrices (N, 3, 3) that rotate colours around the grey axis, by a share of a full
    turn."""
    angle = 2 * np.pi * turn
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    rotated: _Floats = cos * np.eye(3) + sin * cross + (1 - cos) / 3
    return rotated


def _resampling(
    start: Tensor, length: Tensor, source: int, size: int, flip: Tensor | None = None
) -> Tensor:
    """Return (N, size, source). Each row has the weights of the source pixels in one pixel of a
    view.

    The filter is a triangle as wide as the larger of a source pixel and a view pixel. Pillow and
    torchvision call that bilinear with anti-aliasing. All arguments are (N,).
    """
    begin = (start * source)[:, None, None]
    step = (length * (source / size))[:, None, None]
    out = torch.arange(size, dtype=torch.float32, device=start.device)[None, :, None]
    if flip is not None:
        mirrored = flip[:, None, None]
        out = out + mirrored * (size - 1 - 2 * out)
    centre = begin + (out + 0.5) * step  # (N, size, 1)
    pixel = torch.arange(source, dtype=torch.float32, device=start.device)[None, None] + 0.5
    weights = (1 - (pixel - centre).abs_().div_(step.clamp(min=1.0))).clamp_(min=0)
    weights /= weights.sum(-1, keepdim=True)
    return weights


def _blur(sigma: Tensor, size: int) -> Tensor:
    """Return Gaussian weights (N, size, size). `sigma` is (N, 1, 1), in pixels."""
    at = torch.arange(size, dtype=torch.float32, device=sigma.device)
    distance = (at[:, None] - at[None, :]).square_()
    weights = torch.exp(-distance[None] / (2 * sigma.clamp(min=1e-3).square()))
    return weights / weights.sum(-1, keepdim=True)
