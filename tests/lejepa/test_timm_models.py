"""timm's encoders work next to the torch that is installed, CPU-only or CUDA."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from shiomi.lejepa.config import PretrainConfig, to_json
from shiomi.lejepa.encoders import ImageEncoder, build_encoder
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.export import export_timm, save_encoder
from shiomi.lejepa.run_folder import RunFolder
from shiomi.lejepa.timm_models import import_timm, sync_batch_norms, timm_model


@pytest.mark.process
def test_a_fresh_process_builds_a_vision_transformer() -> None:
    code = (
        "import torch; from shiomi.lejepa.encoders import build_encoder\n"
        "encoder = build_encoder('vit_tiny_patch16_224', 32)\n"
        "print(tuple(encoder(torch.rand(2, 3, 32, 32)).shape))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "(2, 192)\n", done.stderr


# One small model of each family whose batch normalisation contains its activation.
@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_small_050",
        "mobilenetv4_conv_small_035",
        "resnetv2_18",
        "rexnet_100",
        "regnety_002",
    ],
)
def test_batch_normalisation_shared_by_ranks_keeps_its_activation(name: str) -> None:
    import_timm()
    torch.manual_seed(0)
    body = timm_model(name, 32).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        before = body(images)
        converted = sync_batch_norms(body)
        after = converted(images)
    assert any(isinstance(module, nn.SyncBatchNorm) for module in converted.modules())
    torch.testing.assert_close(after, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet10t"])
def test_the_export_loads_by_the_line_it_prints(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    torch.manual_seed(0)
    encoder = build_encoder(name, 64).eval()
    folder.config.write_text(to_json(PretrainConfig("photos", encoder=name, global_size=64)))
    save_encoder(encoder, folder.encoder)
    line = export_timm(tmp_path, tmp_path / "for_timm.safetensors")
    names: dict[str, object] = {"timm": import_timm()}
    exec(line, names)
    model = names["model"]
    assert isinstance(model, nn.Module)
    images = torch.rand(2, 3, 64, 64)
    assert isinstance(encoder, ImageEncoder)
    normalised = (images - encoder.mean) / encoder.std
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(normalised), encoder(images))


def test_an_encoder_that_is_not_timm_s_is_not_exported_for_timm(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.config.write_text(to_json(PretrainConfig("photos", global_size=32)))
    save_encoder(build_encoder("small", 32), folder.encoder)
    with pytest.raises(InputError, match="is 'small', not one of timm"):
        export_timm(tmp_path, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=r"must end with \.safetensors"):
        export_timm(tmp_path, tmp_path / "x.pth")
