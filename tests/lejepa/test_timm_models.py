"""timm's encoders work next to the torch that is installed, CPU-only or CUDA."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

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
