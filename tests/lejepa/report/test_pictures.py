"""Maps and pictures whose colours can be foreseen."""

from __future__ import annotations

import base64
import io
import re

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from shiomi.lejepa.report.dense_maps import dense_map
from shiomi.lejepa.report.normality import normality
from shiomi.lejepa.report.pictures import photograph, principal_colours, tiles
from shiomi.lejepa.report.svg import HEIGHT, Series, line_plot


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_pictures_are_small_and_of_one_size() -> None:
    for uri, kind in (
        (photograph(torch.rand(3, 300, 200)), "JPEG"),
        (tiles(torch.rand(3, 4, 4)), "PNG"),
    ):
        picture = opened(uri)
        assert picture.format == kind
        assert picture.size == (96, 96)
        assert len(uri) < 20_000


def test_patches_that_are_alike_have_one_colour_in_all_images() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randn(3, 16, generator=generator) * 5
    which = torch.randint(3, (4, 6, 6), generator=generator)
    patches = kinds[which].permute(0, 3, 1, 2)
    colours = principal_colours(patches).permute(0, 2, 3, 1)
    for kind in range(3):
        of_kind = colours[which == kind]
        assert (of_kind - of_kind[0]).abs().max() < 1e-3
    assert torch.equal(principal_colours(patches), principal_colours(patches.clone()))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_few_channels_and_constant_features_make_a_picture(channels: int) -> None:
    for patches in (torch.ones(2, channels, 3, 3), torch.rand(2, channels, 3, 3)):
        colours = principal_colours(patches)
        assert colours.shape == (2, 3, 3, 3)
        assert ((colours >= 0) & (colours <= 1)).all()


def test_a_coarse_map_is_filled_from_shifted_images() -> None:
    pool = nn.AvgPool2d(16)
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    dense = dense_map(pool, ramp)
    assert dense.shape == (1, 3, 8, 8)
    inner = dense[0, 0, 4, 2:6]
    torch.testing.assert_close(inner, inner[0] + 4.0 * torch.arange(4))  # the ramp, 4 pixels apart


def test_a_fine_map_is_left_as_it_is() -> None:
    def patches(images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images, 4)

    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(dense_map(patches, images), patches(images))


def test_a_line_stays_inside_its_plot_whatever_a_spectrum_ends_with() -> None:
    values = [10.0, 1.0, 0.5, 1e-17, 0.0, -1e-18]
    points = [(float(i), value) for i, value in enumerate(values)]
    plot = line_plot([Series("eigenvalue", points)], label="", x_label="", log_y=True)
    drawn = re.findall(r"[\d.]+,([\d.]+)", re.findall('points="([^"]*)"', plot)[0])
    assert len(drawn) == 3
    assert all(0 <= float(y) <= HEIGHT for y in drawn)


def test_normal_samples_look_normal_and_others_do_not() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2000, 8, generator=generator)
    normal = normality(z)
    assert 0.8 < normal.mean / normal.floor < 1.3
    assert normality(2 * z).mean > 50 * normal.floor
    assert normal.most.statistic < normal.median.statistic < normal.least.statistic
    assert all(abs(u - v) < 0.6 for u, v in normal.median.quantiles)
    assert normality(z) == normal


def test_two_samples_are_enough_to_be_looked_at() -> None:
    assert len(normality(torch.randn(2, 3)).least.quantiles) == 2
