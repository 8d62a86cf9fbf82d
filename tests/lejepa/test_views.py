"""Views: held against torchvision's and Pillow's ways of doing the same, and against restarts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.timm_models import import_timm
from shiomi.lejepa.views import (
    Augmentations,
    MultiCrop,
    ViewParameters,
    render,
    resize,
    view_parameters,
)

PLAIN = Augmentations(flip=0, jitter=0, grey=0, blur=0, solarize=0)


def pictures(n: int, size: int = 32) -> Tensor:
    """(n, 3, size, size) uint8 with structure at several scales."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    grown = [np.asarray(Image.fromarray(one).resize((size, size))) for one in coarse]
    return torch.from_numpy(np.stack(grown)).permute(0, 3, 1, 2).contiguous()


def batch(n: int, size: int = 32, ratio: float = 1.0) -> Batch:
    return Batch(pictures(n, size), torch.full((n,), ratio))


def parameters(n: int, augmentations: Augmentations, view: int = 0) -> ViewParameters:
    return view_parameters(
        torch.ones(n), list(range(n)), augmentations, (0.3, 1.0), seed=0, step=0, view=view
    )


def test_a_view_is_a_function_of_seed_step_image_and_view() -> None:
    crops = MultiCrop(2, 32, local_views=2, local_size=16)
    whole = crops(batch(6), range(6), seed=1, step=5)
    again = crops(batch(6), range(6), seed=1, step=5)
    assert [v.shape for v in whole] == [(12, 3, 32, 32), (12, 3, 16, 16)]
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    for other in (
        crops(batch(6), range(6), seed=2, step=5),
        crops(batch(6), range(6), seed=1, step=6),
        crops(batch(6), range(1, 7), seed=1, step=5),
    ):
        assert not torch.allclose(whole[0], other[0], atol=0.1)
    assert not torch.allclose(whole[0][:6], whole[0][6:], atol=0.1)


def test_a_share_of_a_batch_has_the_views_it_has_in_the_whole_batch() -> None:
    """So the number of ranks and of accumulated parts changes nothing."""
    crops = MultiCrop(2, 32, local_views=0)
    (whole,) = crops(batch(8), range(8), seed=0, step=3)
    pixels = batch(8).pixels[5:]
    (share,) = crops(Batch(pixels, torch.ones(3)), range(5, 8), seed=0, step=3)
    expected = whole.view(2, 8, 3, 32, 32)[:, 5:].flatten(0, 1)
    torch.testing.assert_close(share, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [12, 16, 24])
def test_a_crop_is_what_pillow_makes_of_the_same_box(size: int) -> None:
    p = parameters(4, PLAIN)
    made = render(pictures(4).float() / 255, p, size)
    for i in range(4):
        box = [32 * v for v in (p.left[i], p.top[i])]
        box += [32 * (p.left[i] + p.width[i]), 32 * (p.top[i] + p.height[i])]
        image = Image.fromarray(pictures(4)[i].permute(1, 2, 0).numpy())
        expected = image.resize((size, size), Image.Resampling.BILINEAR, box=tuple(box))
        difference = made[i].permute(1, 2, 0).numpy() * 255 - np.asarray(expected, np.float64)
        # Pillow rounds to 8 bits between its two passes, and sees no pixels outside the box.
        assert np.abs(difference[1:-1, 1:-1]).max() < 2.5


def test_a_mirrored_view_is_the_mirror_image() -> None:
    p = parameters(3, PLAIN)
    mirrored = dataclasses.replace(p, flip=np.ones(3, bool))
    pixels = pictures(3).float() / 255
    torch.testing.assert_close(render(pixels, mirrored, 16), render(pixels, p, 16).flip(-1))


def test_blur_is_a_gaussian_of_the_width_it_says() -> None:
    pixels = torch.zeros(1, 3, 65, 65)
    pixels[..., 32, 32] = 1
    p = parameters(1, PLAIN)
    whole = dataclasses.replace(
        p, left=np.zeros(1), top=np.zeros(1), width=np.ones(1), height=np.ones(1)
    )
    blurred = render(pixels, dataclasses.replace(whole, sigma=np.array([2.0 * 224 / 65])), 65)
    at = torch.arange(65.0) - 32
    variance = (blurred[0, 0].sum(0) * at.square()).sum()
    assert variance.item() == pytest.approx(4.0, rel=0.01)
    assert blurred[0, 0].sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_a_single_jitter_is_torchvisions(name: str) -> None:
    """The factor is found from the matrices; where nothing clips the two are equal."""
    import_timm()  # makes torchvision importable next to a CPU build of torch
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    alone: dict[str, Any] = {
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
        "hue": 0.0,
        name: 0.3,
    }
    p = parameters(4, dataclasses.replace(PLAIN, jitter=1.0, **alone))
    pixels = pictures(4).float() / 255 * 0.4 + 0.3
    made = render(pixels, p, 32)
    cropped = render(pixels, parameters(4, PLAIN), 32)
    for i in range(4):
        m = p.colour[i]
        factor = m[0, 0] if name != "saturation" else m[0, 0] - m[1, 0]
        assert 0.7 <= factor <= 1.3
        expected = getattr(functional, f"adjust_{name}")(cropped[i], factor)
        torch.testing.assert_close(made[i], expected, atol=2e-4, rtol=0)


def test_hue_turns_colours_and_leaves_grey_and_lightness() -> None:
    p = parameters(
        64, dataclasses.replace(PLAIN, jitter=1.0, brightness=0, contrast=0, saturation=0)
    )
    grey = np.full(3, 0.4)
    assert np.abs(p.colour @ grey - grey).max() < 1e-12
    colour = np.array([0.8, 0.3, 0.2])
    turned = p.colour @ colour
    assert np.allclose(turned.sum(-1), colour.sum())
    cosine = (turned - turned.mean(-1, keepdims=True)) @ (colour - colour.mean())
    angle = np.degrees(np.arccos(cosine / np.square(colour - colour.mean()).sum()))
    assert 30 < angle.max() <= 36.001  # a tenth of a turn


def test_grey_and_solarised_views_are_that() -> None:
    pixels = pictures(3).float() / 255
    grey = render(pixels, parameters(3, dataclasses.replace(PLAIN, grey=1.0)), 16)
    torch.testing.assert_close(grey[:, 0], grey[:, 2])
    cropped = render(pixels, parameters(3, PLAIN), 16)
    solarised = render(pixels, parameters(3, dataclasses.replace(PLAIN, solarize=1.0)), 16)
    torch.testing.assert_close(solarised, torch.where(cropped >= 0.5, 1 - cropped, cropped))


def test_things_happen_as_often_as_they_should() -> None:
    p = parameters(4000, Augmentations(), view=1)
    assert p.flip.mean() == pytest.approx(0.5, abs=0.03)
    assert (p.sigma > 0).mean() == pytest.approx(0.5, abs=0.03)
    assert p.solarize.mean() == pytest.approx(0.2, abs=0.03)
    area = p.width * p.height
    assert area.min() > 0.25
    assert area.max() <= 1.0
    assert area.mean() == pytest.approx(0.64, abs=0.03)
    assert ((p.left >= 0) & (p.left + p.width <= 1 + 1e-12)).all()


def test_a_crop_of_a_wide_image_has_its_own_proportions() -> None:
    """The image is stored as a square; a crop of form 1 is then half as wide as it is high."""
    square = dataclasses.replace(PLAIN, ratio=(1.0, 1.0))
    p = view_parameters(
        torch.full((50,), 2.0), list(range(50)), square, (0.1, 0.3), seed=0, step=0, view=0
    )
    assert np.allclose(p.width * 2, p.height)
    assert np.allclose(p.width * p.height, np.clip(p.width * p.height, 0.1, 0.3))


def test_values_stay_between_0_and_1() -> None:
    strong = Augmentations(brightness=0.9, contrast=0.9, saturation=0.9, hue=0.5)
    for group in MultiCrop(2, 16, local_views=2, local_size=8, augmentations=strong)(
        batch(32), range(32), seed=0, step=0
    ):
        assert group.min() >= 0
        assert group.max() <= 1
        assert group.isfinite().all()


def test_an_image_is_resized_whole() -> None:
    images = batch(2, 48)
    made = resize(images, 24)
    for i in range(2):
        image = Image.fromarray(images.pixels[i].permute(1, 2, 0).numpy())
        expected = np.asarray(image.resize((24, 24), Image.Resampling.BILINEAR), np.float64)
        assert np.abs(made[i].permute(1, 2, 0).numpy() * 255 - expected).max() < 1.5
    assert torch.equal(resize(images, 48), images.pixels.float() / 255)


def test_views_are_made_on_the_device_of_the_pixels() -> None:
    """On "meta", where there are no values: a tensor left on the CPU would be an error."""
    pixels = pictures(4).float().to("meta")
    plain = dataclasses.replace(PLAIN, blur=1.0, jitter=1.0, flip=1.0)
    made = render(pixels, parameters(4, plain), 16)
    assert made.device.type == "meta"
    assert made.shape == (4, 3, 16, 16)


def test_a_wide_image_keeps_its_form_when_it_is_resized() -> None:
    """A disc in an image twice as wide as high, stored as a square, is a disc again."""
    y, x = np.mgrid[0:64, 0:128] + 0.5
    disc = (np.hypot(x - 64, y - 32) < 20).astype(np.uint8) * 255
    stored = np.asarray(Image.fromarray(disc).resize((64, 64), Image.Resampling.BILINEAR))
    pixels = torch.from_numpy(stored.copy()).expand(1, 3, 64, 64)
    square = resize(Batch(pixels, torch.tensor([2.0])), 64)[0, 0] > 0.5
    rows, columns = square.any(1).sum().item(), square.any(0).sum().item()
    assert (rows, columns) == (40, 40)


class _Counted(TorchDispatchMode):
    """Counts operations, and copies between devices."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.copies = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.operations += 1
        if func is torch.ops.aten._to_copy.default:
            self.copies += kwargs.get("device") is not None
        return func(*args, **kwargs)


def test_the_views_of_a_step_take_few_operations_and_two_copies_to_the_device() -> None:
    """Counted with the meta device in place of a GPU: 2 views of 224 pixels and 6 of 96."""
    crops = MultiCrop()
    ratio = torch.tensor([1.0, 1.5, 0.7, 1.0])
    drawn = crops.draw(ratio, range(4), seed=0, step=0)
    assert drawn.groups[0].blurred + drawn.groups[1].blurred > 0
    with _Counted() as counted:
        pixels = torch.zeros(4, 3, 336, 336, dtype=torch.uint8).to("meta")
        views = crops.render(pixels, drawn)
    assert [view.shape for view in views] == [(8, 3, 224, 224), (24, 3, 96, 96)]
    assert counted.operations <= 300
    assert counted.copies == 2
