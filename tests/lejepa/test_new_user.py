"""What someone meets who tries pretraining for the first time: an error's remedy must work."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.lejepa import PretrainConfig, Training, load_encoder, pretrain
from shiomi.lejepa.errors import DataError, RunError
from tests.lejepa.image_folders import image_folder

ADVICE = "a smaller batch .*such as 8"


def test_the_smaller_batch_that_an_error_advises_trains_into_the_same_folder(
    tmp_path: Path,
) -> None:
    images = str(image_folder(tmp_path / "images", per_class=4))
    out = tmp_path / "run"
    with pytest.raises(DataError, match=ADVICE):
        pretrain(PretrainConfig(images), out)
    small = Training(batch_size=6, steps=2)
    done = pretrain(PretrainConfig(images, training=small), out, evaluations=1, extras=False)
    assert done.moment is not None
    assert done.moment.steps == 2
    load_encoder(out)
    with pytest.raises(RunError, match=r"training\.batch_size is 6 there, now 12"):
        pretrain(PretrainConfig(images, training=Training(batch_size=12, steps=2)), out)
