from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from shiomi.lejepa.encoders import (
    ImageEncoder,
    Network,
    SmallConvNet,
    build_encoder,
    feature_width,
    projector,
)
from shiomi.lejepa.errors import InputError


@pytest.mark.parametrize("size", [16, 32, 33, 64])
def test_the_small_encoder_takes_any_small_size(size: int) -> None:
    encoder = build_encoder("small", 32).eval()
    images = torch.rand(3, 3, size, size)
    features = encoder(images)
    assert features.shape == (3, encoder.body.num_features)  # type: ignore[union-attr]
    patches = encoder.patch_features(images)  # type: ignore[operator]
    torch.testing.assert_close(patches.mean((2, 3)), features)


def test_the_small_encoder_is_small() -> None:
    count = sum(parameter.numel() for parameter in SmallConvNet().parameters())
    assert 300_000 < count < 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width", "grid"),
    [
        ("resnet18", 512, 2),
        ("vit_tiny_patch16_224", 192, 4),
        ("convnextv2_atto", 320, 2),
        ("swin_tiny_patch4_window7_224", 768, 2),
    ],
)
def test_timms_models_take_views_of_two_sizes(name: str, width: int, grid: int) -> None:
    encoder = build_encoder(name, 64).eval()
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, 64, 64)).shape == (2, width)
        patches = encoder.patch_features(torch.rand(2, 3, 64, 64))  # type: ignore[operator]
        assert patches.shape == (2, width, grid, grid)
        if not name.startswith("swin"):
            assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, width)


def test_a_name_that_timm_does_not_know_is_told_with_near_ones() -> None:
    with pytest.raises(InputError, match="no model 'resnet19'; similar names: resne"):
        build_encoder("resnet19", 32)


def test_a_function_of_the_users_is_imported() -> None:
    assert isinstance(build_encoder("tests.lejepa.tiny:tiny_encoder", 32), nn.Sequential)
    for name, told in (
        ("tests.lejepa.absent:encoder", "cannot be imported"),
        ("tests.lejepa.tiny:absent", "cannot be imported"),
        ("builtins:dict", "returned dict, not an nn.Module"),
    ):
        with pytest.raises(InputError, match=told):
            build_encoder(name, 32)


def test_normalisation_is_inside_and_not_among_the_weights() -> None:
    encoder = ImageEncoder(nn.Flatten(), mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))
    out = encoder(torch.full((1, 3, 1, 1), 0.75))
    assert out.tolist() == [[1.0, 0.5, 0.25]]
    assert not encoder.state_dict()


def test_a_network_returns_all_views_in_order() -> None:
    network = Network(nn.Flatten(), nn.Identity())
    views = [torch.arange(6.0).view(6, 1), torch.arange(6.0, 15.0).view(9, 1)]
    out: Tensor = network(views, 3)
    assert out[..., 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]]


def test_a_projector_has_the_layers_it_was_asked_for() -> None:
    assert [type(layer) for layer in projector(8, out=4, layers=1).children()] == [nn.Linear]
    deep = list(projector(8, out=4, hidden=16, layers=3).children())
    assert [layer.out_features for layer in deep if isinstance(layer, nn.Linear)] == [16, 16, 4]
    with pytest.raises(InputError, match="got 8, 0, 16 and 64"):
        projector(8, layers=0)


def test_an_encoder_that_gives_no_vectors_is_told() -> None:
    assert feature_width(nn.Flatten(), torch.zeros(2, 3, 4, 4)) == 48
    with pytest.raises(InputError, match=r"\(2, 3, 4, 4\) for 2 inputs"):
        feature_width(nn.Identity(), torch.zeros(2, 3, 4, 4))
    encoder = nn.BatchNorm1d(4).train()
    feature_width(encoder, torch.ones(2, 4))
    assert encoder.training
    assert encoder.running_mean is not None
    assert encoder.running_mean.tolist() == [0, 0, 0, 0]
