"""An encoder out of the house: safetensors that load again, ONNX that gives the same features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from shiomi.lejepa.encoders import build_encoder
from shiomi.lejepa.errors import RunError
from shiomi.lejepa.export import check_onnx, export_onnx, save_encoder


def settled(encoder: nn.Module, size: int) -> nn.Module:
    """Give batch normalisation statistics that are not those of a new network."""
    encoder.train()
    with torch.no_grad():
        encoder(torch.rand(8, 3, size, size, generator=torch.Generator().manual_seed(3)))
    return encoder.eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [("small", 32), ("resnet18", 64), ("vit_tiny_patch16_224", 32)]
)
def test_onnxruntime_gives_the_features_of_torch(name: str, size: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = settled(build_encoder(name, size), size)
    path = tmp_path / "encoder.onnx"
    error = export_onnx(encoder, torch.zeros(1, 3, size, size), path)
    assert error < 1e-4
    assert check_onnx(path.read_bytes(), encoder, (3, size, size)) == error
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.onnx"]


@pytest.mark.slow
def test_the_encoder_is_left_as_it_was(tmp_path: Path) -> None:
    encoder = build_encoder("small", 32).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    export_onnx(encoder, torch.zeros(1, 3, 32, 32), tmp_path / "encoder.onnx")
    assert encoder.training
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


class _Odd(nn.Module):
    """Features that depend on what no exported graph can see."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([[float(sum(map(ord, str(x.sum().item()))))]] * len(x))


@pytest.mark.slow
def test_an_encoder_that_cannot_be_exported_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    path.write_bytes(b"of an earlier run")
    with pytest.raises(RunError, match="ONNX"):
        export_onnx(_Odd(), torch.zeros(1, 4), path)
    assert path.read_bytes() == b"of an earlier run"
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.onnx"]


def test_a_file_that_is_no_onnx_is_said() -> None:
    with pytest.raises(RunError, match="onnxruntime cannot run"):
        check_onnx(b"no such thing", nn.Identity(), (3,))


@pytest.mark.slow
def test_other_features_than_torchs_are_refused(tmp_path: Path) -> None:
    encoder = nn.Linear(4, 2)
    with pytest.raises(RunError, match="differ from torch's by"):
        export_onnx(encoder, torch.zeros(1, 4), tmp_path / "encoder.onnx", tolerance=-1.0)
    assert not list(tmp_path.iterdir())


def test_weights_load_again_as_they_were(tmp_path: Path) -> None:
    encoder = settled(build_encoder("small", 32), 32)
    save_encoder(encoder, tmp_path / "encoder.safetensors", {"config": json.dumps({"a": 1})})
    other = build_encoder("small", 32).eval()
    other.load_state_dict(load_file(tmp_path / "encoder.safetensors"))
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(encoder(x), other(x))
    with safe_open(tmp_path / "encoder.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "config": '{"a": 1}'}


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    encoder = nn.Linear(3, 2)
    about = {name: name for name in ("encoder", "z", "a", "\u6f6e\u898b")}
    paths = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for path in paths:
        save_encoder(encoder, path, about)
    assert len({path.read_bytes() for path in paths}) == 1
    assert torch.equal(load_file(tmp_path / "0.safetensors")["weight"], encoder.weight)
    with safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", **about}


def test_shared_weights_and_weights_in_bfloat16_are_kept(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).bfloat16()
    tied[1].weight = tied[0].weight
    save_encoder(tied, tmp_path / "tied.safetensors")
    loaded = load_file(tmp_path / "tied.safetensors")
    assert set(loaded) == set(tied.state_dict())
    assert all(torch.equal(loaded[name], value) for name, value in tied.state_dict().items())


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        save_encoder(nn.Linear(2, 2), tmp_path / "file" / "encoder.safetensors")
