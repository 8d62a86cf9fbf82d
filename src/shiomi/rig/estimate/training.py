"""Estimate memory and time for training a vision transformer with LeJEPA.

LeJEPA has no teacher and no second encoder. The peak memory of a step is the largest of these
moments:

- the end of the forward pass: 12 bytes per parameter (weights and AdamW's two moments in 32 bits),
  in mixed precision another 2 (16-bit copies of the matrices), and all saved activations;
- between the backward passes of small and large views: 16 bytes per parameter, the 16-bit copies,
  and the saved activations of the large views;
- the end of the backward pass: 16 bytes per parameter (with gradients; activations are freed), and
  the activations of one block;
- the optimiser's step: 20 bytes per parameter, as PyTorch's default for GPUs (foreach) copies one
  moment.

Activations are proportional to tokens, layers and width (benchmarks/rig/training_memory.py). A GiB
is 2^30 bytes. The time is the operations divided by the achieved rate, which is a share of the peak
rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.message import basis

__all__ = [
    "VITS",
    "Views",
    "Vit",
    "images_per_step",
    "training_days",
    "training_memory",
    "vit",
]

GIB = 2**30
SAVED = {True: 36.1, False: 64.1}  # bytes per token, layer and width; mixed precision or not
REMEMBERED = 4.0  # bytes of a checkpoint (32-bit residual stream) per token, layer and width
AROUND = 27.0  # bytes per token and width: patches, last norm, temporaries of the backward pass
AROUND_LAST = 20.0  # the same, for the last block of the backward pass
MFU = (0.2, 0.35, 0.5)  # share of the peak rate: low, usual, high; not measured here
SOURCE = (
    "benchmarks/rig/training_memory.py, torch 2.13, saved tensors and live storages of real steps"
)


@dataclass(frozen=True, slots=True)
class Vit:
    """A vision transformer: pre-norm blocks, inner width 4 times the width, one class token."""

    name: str
    width: int
    depth: int
    heads: int
    patch: int = 16  # pixels
    image: int = 224  # pixels of a large view

    def tokens(self, side: int) -> int:
        """Return the tokens of a square view, with the class token."""
        return (side // self.patch) ** 2 + 1

    @property
    def parameters(self) -> int:
        """Return the number of parameters of the encoder, without a projector."""
        d = self.width
        blocks = self.depth * (12 * d * d + 13 * d)
        return blocks + d * (3 * self.patch**2 + 1) + d * (self.tokens(self.image) + 1) + 2 * d


VITS = {
    "S": Vit("ViT-S", 384, 12, 6),
    "B": Vit("ViT-B", 768, 12, 12),
    "L": Vit("ViT-L", 1024, 24, 16),
    "H": Vit("ViT-H", 1280, 32, 16, patch=14),
}


@dataclass(frozen=True, slots=True)
class Views:
    """The views of each image in a step (LeJEPA, arXiv 2511.08544: 2 large, 6 small)."""

    large: int = 2
    small: int = 6
    small_side: int = 96  # pixels

    def sides(self, shape: Vit) -> list[tuple[int, int]]:
        """Return pairs (number of views, pixels of their side), the largest side first."""
        views = ((self.large, shape.image), (self.small, self.small_side))
        return [(number, side) for number, side in views if number]

    def tokens(self, shape: Vit) -> int:
        """Return the tokens of all views of one image."""
        return sum(number * shape.tokens(side) for number, side in self.sides(shape))

    def pixels(self, shape: Vit) -> int:
        """Return the pixels of all views of one image."""
        return sum(number * side * side for number, side in self.sides(shape))


def vit(name: str) -> Vit:
    """Return ViT-S, B, L or H by its letter or name. Raises SettingError for other names."""
    shape = VITS.get(name.upper().removeprefix("VIT-"))
    if shape is None:
        raise SettingError(f"the encoder must be ViT-S, B, L or H, got {name[:40]!r}")
    return shape


def training_memory(
    shape: Vit,
    images: int,
    *,
    views: Views | None = None,
    mixed_precision: bool = True,
    checkpointing: bool = False,
) -> Estimate:
    """Return the peak GiB of a step of `images` images, without the memory of CUDA itself.

    Raises SettingError if a number is out of range.
    """
    views = views or Views()
    _check(shape, images, views)
    moments = _moments(shape, views, mixed_precision, checkpointing)
    value = max(fixed + images * each for fixed, each in moments) / GIB
    step = basis(
        "training_step",
        encoder=shape.name,
        large=views.large,
        side=shape.image,
        small=views.small,
        small_side=views.small_side,
        numbers="bf16 autocast" if mixed_precision else "fp32",
    )
    checkpoints = basis("with_checkpoints" if checkpointing else "without_checkpoints")
    measured = basis("real_steps", script="benchmarks/rig/training_memory.py", torch="2.13")
    return Estimate.scaled(value, 0.93, 1.1, "GiB", (step, checkpoints, measured), (SOURCE,))


def images_per_step(
    shape: Vit,
    usable: float,
    *,
    views: Views | None = None,
    mixed_precision: bool = True,
    checkpointing: bool = False,
) -> int:
    """Return the most images per step that fit in `usable` GiB; 0 if not even one fits."""
    views = views or Views()
    _check(shape, 1, views)
    if not 0 <= usable < 2**20:  # also false for NaN
        raise SettingError(f"memory must be 0 to 1048575 GiB, got {usable}")
    moments = _moments(shape, views, mixed_precision, checkpointing)
    room = min(
        (usable * GIB - fixed) / each if each else (0 if usable * GIB < fixed else 2**40)
        for fixed, each in moments
    )
    return max(0, int(room))


def training_days(
    shape: Vit,
    images: int,
    *,
    epochs: int,
    tflops: float,
    views: Views | None = None,
    checkpointing: bool = False,
) -> Estimate:
    """Return the days for `epochs` epochs of `images` images at a peak of `tflops` dense 16-bit
    TFLOPS.

    Raises SettingError if a number is out of range.
    """
    views = views or Views()
    _check(shape, images, views)
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 0 < epochs <= 10**6:
        raise SettingError(f"epochs must be 1 to 1000000, got {epochs!r}")
    if not 0 < tflops <= 10**6:
        raise SettingError(f"tflops must be > 0 and at most 1000000, got {tflops!r}")
    d, depth = shape.width, shape.depth
    forward = sum(
        number * (2 * n * 12 * d * d + 4 * n * n * d) * depth
        for number, side in views.sides(shape)
        for n in (shape.tokens(side),)
    )
    passes = 4 if checkpointing else 3  # 1 forward, 2 backward, and 1 to recompute
    seconds = forward * passes * images * epochs / (tflops * 1e12)
    low, usual, high = MFU
    shares = {"low": f"{low:.0%}", "usual": f"{usual:.0%}", "high": f"{high:.0%}"}
    rule = basis("training_time", work=f"{forward * passes / 1e9:.0f}", **shares)
    return Estimate.scaled(
        seconds / usual / 86400,
        usual / high,
        usual / low,
        "days",
        (rule, basis("images_not_counted")),
        ("operations counted from the shape",),
    )


def _moments(
    shape: Vit, views: Views, mixed: bool, checkpointing: bool
) -> list[tuple[float, float]]:
    """Return fixed bytes and bytes per image for each moment at which the memory may peak."""
    parameters = shape.parameters
    across = views.tokens(shape) * shape.width
    largest = max(number * shape.tokens(side) for number, side in views.sides(shape)) * shape.width
    block = SAVED[mixed]
    kept = across * shape.depth * (REMEMBERED if checkpointing else block) + AROUND * across
    if checkpointing:
        kept += largest * block
    pixels = views.pixels(shape) * 3 * 4
    last = largest * (block + AROUND_LAST) + pixels
    copies = 2.0 * parameters if mixed else 0.0
    moments = [
        (12.0 * parameters + copies, kept + pixels),
        (16.0 * parameters, last),
        (20.0 * parameters, 0.0),
    ]
    # At this moment the backward pass is done for the small views, but not for the large views.
    if len(views.sides(shape)) > 1:
        waiting = largest * shape.depth * (REMEMBERED if checkpointing else block)
        copies = 0.0 if checkpointing else copies
        again = largest * (block if checkpointing else 0.0)
        around = AROUND_LAST * largest
        moments.append((16.0 * parameters + copies, waiting + again + around + pixels))
    return moments


def _check(shape: Vit, images: int, views: Views) -> None:
    numbers = {
        "images": (images, 1, 10**12),
        "large views": (views.large, 0, 10**4),
        "small views": (views.small, 0, 10**4),
        "pixels of a small view": (views.small_side, shape.patch, 2**14),
    }
    for what, (number, least, most) in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise SettingError(f"{what} must be {least} to {most}, got {number!r}")
    if not views.large and not views.small:
        raise SettingError("a step needs at least one view")
