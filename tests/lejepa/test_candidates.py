"""Runs on disk, ranked: what the loss of a run is, and when two of them do not compare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shiomi.lejepa.candidates import read_candidate, select_runs
from shiomi.lejepa.config import to_json
from shiomi.lejepa.errors import RunError
from tests.lejepa.image_folders import image_folder
from tests.lejepa.small_runs import small_run


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"), per_class=2)


def test_the_final_loss_is_the_mean_of_the_last_tenth(tmp_path: Path, images: Path) -> None:
    run = small_run(tmp_path / "run", images, loss=0.5, probe=0.7)
    candidate = read_candidate(run)
    assert candidate.loss == pytest.approx(0.5 + (1 / 9 + 1 / 10) / 2)
    assert (candidate.rankme, candidate.knn, candidate.probe) == (20.0, 0.7, 0.7)
    assert candidate.lam == 0.05


def test_runs_that_do_not_compare_are_said(tmp_path: Path, images: Path) -> None:
    small_run(tmp_path / "a", images)
    other = small_run(tmp_path / "b", images)
    config = other.read_config()
    larger = replace(config, training=replace(config.training, batch_size=16), local_views=2)
    other.config.write_text(to_json(larger))
    other.encoder.unlink()
    notes = select_runs([tmp_path]).notes
    assert any("differ in training.batch_size (16, 8)" in note for note in notes)
    assert any("differ in local_views (0, 2)" in note for note in notes)
    assert any("b has not ended" in note for note in notes)


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, images: Path) -> None:
    paths = [tmp_path / parent / "run" for parent in ("x", "y")]
    for path in paths:
        small_run(path, images)
    names = [one.name for one in select_runs(paths).ranked]
    assert names == [str(path) for path in paths]


def test_what_is_no_run_or_has_no_loss_is_said(tmp_path: Path, images: Path) -> None:
    with pytest.raises(RunError, match="not a run's folder"):
        select_runs([tmp_path / "nothing"])
    with pytest.raises(RunError, match="no training run found"):
        select_runs([tmp_path])
    run = small_run(tmp_path / "run", images)
    run.metrics.write_text("step,loss\n")
    with pytest.raises(RunError, match="no measured loss"):
        select_runs([run.path])
    run.config.write_text("{}")
    with pytest.raises(RunError, match="cannot be read"):
        select_runs([run.path])
