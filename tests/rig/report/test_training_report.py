"""What trains on a machine: images per step that fit, memory, days."""

from __future__ import annotations

import pytest

from shiomi.rig.errors import MachineError, SettingError
from shiomi.rig.estimate.memory import usable_gib
from shiomi.rig.estimate.training import Views
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.report.training_report import training_json, training_rows, training_text
from shiomi.rig.report.wording import LANGUAGES

PC = simulated("RTX 4090 x2, RTX 3060 12 GB")


def test_every_step_fits_the_smallest_gpu_and_one_image_more_does_not_pay() -> None:
    gpu, rows = training_rows(PC, images=50_000, epochs=10)
    assert gpu.name == "GeForce RTX 3060 12 GB"
    assert len(rows) == 8
    for row in rows:
        if row.memory is not None:
            assert row.memory.value <= usable_gib(gpu).low
        assert bool(row.images) == (row.memory is not None)


def test_checkpoints_take_more_images_and_more_days() -> None:
    _, rows = training_rows(simulated("RTX 4090"), images=50_000, epochs=10)
    for without, with_ in zip(rows[::2], rows[1::2], strict=True):
        assert with_.images > without.images
        assert without.days is not None
        assert with_.days is not None
        assert with_.days.value == pytest.approx(4 / 3 * without.days.value)


def test_several_gpus_share_the_days() -> None:
    one = training_rows(simulated("RTX 4090"), images=50_000, epochs=10)[1][0].days
    two = training_rows(simulated("RTX 4090 x2"), images=50_000, epochs=10)[1][0].days
    assert one is not None
    assert two is not None
    assert two.value == pytest.approx(one.value / 2)


def test_days_are_unknown_where_the_peak_is() -> None:
    _, rows = training_rows(simulated("GTX 1080 Ti"), images=50_000, epochs=10, encoders=("S",))
    assert rows[0].images > 0
    assert rows[0].days is None


def test_a_card_too_small_for_one_image_takes_none() -> None:
    _, rows = training_rows(simulated("T400 2 GB"), images=1000, epochs=1, encoders=("H",))
    assert [row.images for row in rows] == [0, 0]


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(MachineError, match="no gpu to train"):
        training_rows(simulated("64 GB"), images=1000, epochs=1)
    for wrong in ({"epochs": 0}, {"images": 0}, {"encoders": ("G",)}, {"views": Views(0, 0)}):
        with pytest.raises(SettingError):
            training_rows(simulated("RTX 4090"), **({"images": 10, "epochs": 1} | wrong))


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_are_said_as_text_and_json(language: str) -> None:
    gpu, rows = training_rows(PC, images=50_000, epochs=10)
    text = training_text(gpu, 3, rows, 50_000, 10, language)
    for name in ("ViT-S", "ViT-B", "ViT-L", "ViT-H"):
        assert text.count(name) == 2
    assert {"en": "not measured", "ja": "ここでの実測ではない"}[language] in text
    said = training_json(gpu, rows)
    assert len(said["encoders"]) == 8
