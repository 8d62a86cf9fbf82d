from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shiomi.lejepa import PretrainConfig
from shiomi.lejepa.data import load_images, open_source
from shiomi.lejepa.evaluation import Evaluation
from tests.lejepa.image_folders import image_folder


class MeanColour(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) - 0.4


@pytest.mark.parametrize("label", [None, 3])
def test_what_labels_allow_is_measured(tmp_path: Path, label: int | None) -> None:
    """Colours tell the classes apart; one class for all tells nothing, and is no error."""
    folder = image_folder(tmp_path / "images", per_class=12)
    labels = None
    if label is not None:
        labels = tmp_path / "labels.txt"
        labels.write_text(f"{label}\n" * 36)
    images = load_images(open_source(folder, labels), 24)
    values = Evaluation(images, PretrainConfig("x").resolved(24))(MeanColour(), torch.device("cpu"))
    assert 1 <= values.pop("rankme") <= 3
    assert 0 <= values.pop("retrieval") <= 1
    assert values == ({} if label is not None else {"knn": 1.0, "probe": 1.0})


def test_images_without_a_label_are_not_asked_for(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images", per_class=8)
    labels = tmp_path / "labels.txt"
    labels.write_text("0\n1\n-1\n-1\n-1\n-1\n-1\n-1\n" * 3)
    images = load_images(open_source(folder, labels), 24)
    evaluation = Evaluation(images, PretrainConfig("x").resolved(24))
    assert sorted(evaluation._numbers) == [0, 1, 8, 9, 16, 17]
