"""`pretrain`: from images to an encoder, with all that a run's folder is for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from shiomi.lejepa import PretrainConfig, Run, RunFolder, Training, load_encoder, pretrain
from shiomi.lejepa.errors import DataError, InputError, NonFiniteError, RunError
from shiomi.lejepa.locking import locked
from shiomi.lejepa.metrics import read_metrics
from tests.lejepa.full_disk import no_more_than
from tests.lejepa.image_folders import image_folder, picture


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return image_folder(tmp_path / "images", per_class=8)


def config(images: Path, **options: object) -> PretrainConfig:
    training = Training(steps=6, batch_size=8, slices=16)
    small = {"encoder": "tests.lejepa.tiny:tiny_encoder", "local_views": 2, "projector_hidden": 16}
    return PretrainConfig(str(images), training=training, **{**small, **options})  # type: ignore[arg-type]


def run(config: PretrainConfig, out: Path, **options: object) -> Run:
    return pretrain(config, out, device="cpu", extras=False, **options)  # type: ignore[arg-type]


def test_a_run_leaves_what_its_folder_is_for(images: Path, tmp_path: Path) -> None:
    (images / "red" / "notes.txt").write_text("no picture")
    done = run(config(images), tmp_path / "run", log_every=2, evaluations=2)
    folder = RunFolder(tmp_path / "run")
    assert done.images == 24
    assert done.skipped == 1
    assert folder.skipped.read_text() == "red/notes.txt\tnot an image\n"
    rows = read_metrics(folder.metrics)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert rows[-1]["loss"] == pytest.approx(done.moment.loss, rel=1e-4)  # type: ignore[union-attr]
    assert rows[-1]["criterion"] == pytest.approx((rows[-1]["loss"] or 0) / 0.05**0.4, rel=1e-4)
    evaluated = read_metrics(folder.evaluations)
    assert [row["step"] for row in evaluated] == [3, 6]
    assert set(evaluated[0]) == {"step", "rankme", "retrieval", "knn", "probe"}
    assert list(folder.tensorboard.glob("events.*"))
    told = folder.read_config()
    assert (told.global_size, told.local_size, told.stored_size) == (24, 8, 24)
    encoder = load_encoder(tmp_path / "run")
    assert not encoder.training
    assert encoder(torch.rand(2, 3, 24, 24)).shape == (2, 16)


def test_tensorboard_has_what_the_csv_has(images: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(config(images), tmp_path / "run", log_every=2, evaluations=1)
    folder = RunFolder(tmp_path / "run")
    events = accumulator.EventAccumulator(str(folder.tensorboard)).Reload()
    found = {event.step: event.value for event in events.Scalars("train/loss")}
    assert found == pytest.approx(
        {r["step"]: r["loss"] for r in read_metrics(folder.metrics)}, 1e-4
    )
    assert "evaluation/rankme" in events.Tags()["scalars"]


def test_without_labels_rankme_is_what_is_known(images: Path, tmp_path: Path) -> None:
    done = run(config(images, use_labels=False), tmp_path / "run", evaluations=1)
    assert set(done.evaluation) == {"rankme", "retrieval"}
    assert 1 <= done.evaluation["rankme"] <= 16
    assert 0 <= done.evaluation["retrieval"] <= 1


def test_the_same_call_after_the_end_changes_nothing(images: Path, tmp_path: Path) -> None:
    first = run(config(images), tmp_path / "run", evaluations=1)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*.*") if p.is_file()}
    again = run(config(images), tmp_path / "run", evaluations=1)
    assert again.evaluation == pytest.approx(first.evaluation, rel=1e-5)
    after = {p: p.read_bytes() for p in before if "events" not in p.name}
    assert after == {p: data for p, data in before.items() if "events" not in p.name}


def test_another_configuration_is_refused_and_the_difference_named(
    images: Path, tmp_path: Path
) -> None:
    run(config(images), tmp_path / "run", evaluations=0)
    other = config(images, global_scale=(0.4, 1.0))
    other = dataclasses.replace(other, training=dataclasses.replace(other.training, lr=0.5))
    with pytest.raises(RunError, match=r"training.lr is 0.002 there, now 0.5") as refused:
        run(other, tmp_path / "run")
    assert "global_scale is (0.3, 1.0) there, now (0.4, 1.0)" in str(refused.value)
    assert "seed" not in str(refused.value)


def test_other_images_under_the_same_address_are_refused(images: Path, tmp_path: Path) -> None:
    run(config(images), tmp_path / "run", evaluations=0)
    (images / "red" / "new.jpg").write_bytes(picture(0, 77))
    with pytest.raises(RunError, match="the images have changed since"):
        run(config(images), tmp_path / "run", evaluations=0)


def test_a_folder_in_use_is_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run" / "lock"), pytest.raises(RunError, match="in use by another"):
        run(config(images), tmp_path / "run")
    run(config(images), tmp_path / "run", evaluations=0)


def test_a_folder_with_other_things_in_it_is_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="not empty and is not the folder of a run"):
        run(config(images), tmp_path / "run")
    assert [one.name for one in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_made_is_told(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be made: Not a directory"):
        run(config(images), tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no files"),
        ({"a.jpg": picture(0, 0)}, "a single readable image"),
        ({"a.jpg": picture(0, 0), "b.jpg": b"\xff\xd8"}, "at most 2 readable images"),
        ({f"{i}.txt": b"text" for i in range(8)}, "no readable image among 8 files"),
        (
            {"x.jpg": b"\xff\xd8", **{f"{i}.jpg": picture(0, i) for i in range(7)}},
            "only 7 readable images and a batch takes 8",
        ),
        (
            {f"{i}.jpg": picture(0, i) for i in range(5)},
            "at most 5 readable images and a batch takes 8; .* such as 4",
        ),
    ],
    ids=[
        *("none", "one", "one and a damaged one", "no images", "one too few can be read"),
        "fewer than a batch",
    ],
)
def test_too_few_images_are_told(files: dict[str, bytes], told: str, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises((DataError, InputError), match=told):
        run(config(folder), tmp_path / "run")


def test_a_rate_that_ends_in_infinity_is_answered_with_a_lower_one_in_another_folder(
    images: Path, tmp_path: Path
) -> None:
    training = Training(steps=6, batch_size=8, slices=16, lr=1e30, warmup=0)
    told = dataclasses.replace(config(images), training=training)
    with pytest.raises(NonFiniteError, match=r"a learning rate below 1e\+30 .* another --out"):
        run(told, tmp_path / "run", evaluations=0)


def test_on_a_full_disk_what_was_saved_stays_and_the_same_call_goes_on(
    images: Path, tmp_path: Path
) -> None:
    """Room for cache and metrics, none for a checkpoint of 60 kB."""
    whole = tmp_path / "whole"
    run(config(images, projector_hidden=64), whole, evaluations=0)
    out = tmp_path / "run"
    with (
        no_more_than(45_000),
        pytest.raises(RunError, match=r"last.pt cannot be written: File too"),
    ):
        run(config(images, projector_hidden=64), out, evaluations=0)
    run(config(images, projector_hidden=64), out, evaluations=0)
    assert (out / "encoder.safetensors").read_bytes() == (
        whole / "encoder.safetensors"
    ).read_bytes()


def test_an_image_encoder_of_the_users_is_trained(images: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    mine = nn.Sequential(nn.Flatten(), nn.LazyLinear(7))
    mine(torch.zeros(1, 3, 24, 24))
    told = config(images, local_views=0, encoder="mine")
    done = run(told, tmp_path / "run", encoder=mine, evaluations=0)
    assert done.files == (tmp_path / "run" / "encoder.safetensors",)
    fresh = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 7))
    loaded = load_encoder(tmp_path / "run", fresh)
    x = torch.rand(2, 3, 24, 24)
    torch.testing.assert_close(loaded(x), mine.eval()(x))


def test_a_run_that_has_not_ended_gives_its_last_checkpoint(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(config(images), out, evaluations=0)
    ended = load_encoder(out).state_dict()
    (out / "encoder.safetensors").unlink()
    for name, value in load_encoder(out).state_dict().items():
        assert torch.equal(value, ended[name])
    (out / "checkpoint" / "last.pt").unlink()
    with pytest.raises(RunError, match="no weights yet"):
        load_encoder(out)
    with pytest.raises(RunError, match="is not a run's folder"):
        load_encoder(tmp_path / "images")


def test_what_is_about_to_be_done_is_announced(images: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        run(config(images), tmp_path / "run", evaluations=0, announce=said.append)
    assert said[0].startswith("24 images, encoder tests.lejepa.tiny:tiny_encoder of 0.00 million")
    assert said[0].endswith("6 steps of 8 images in 2 views of 24 and 2 of 8 pixels, on cpu")
    assert said[1].endswith("on cpu, going on after step 6")


def test_several_runs_share_a_cache(images: Path, tmp_path: Path) -> None:
    decoded: list[str] = []
    for name in ("one", "two"):
        run(
            config(images),
            tmp_path / name,
            cache=tmp_path / "cache",
            evaluations=0,
            progress=lambda done, total, what: decoded.append(what),
        )
        assert not (tmp_path / name / "cache").exists()
    assert decoded == ["decoding"]


def test_without_a_cache_the_weights_are_the_same(images: Path, tmp_path: Path) -> None:
    (images / "green" / "2.jpg").write_bytes(b"damaged")
    for name, gib in (("kept", 1.0), ("fresh", 0.0)):
        run(config(images), tmp_path / name, cache_gib=gib, evaluations=0)
    kept, fresh = (load_encoder(tmp_path / name).state_dict() for name in ("kept", "fresh"))
    assert all(torch.equal(kept[name], fresh[name]) for name in kept)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("checkpoint_seconds", float("nan")),
        ("log_every", 0),
        ("evaluations", -1),
        ("cache_gib", -1.0),
    ],
)
def test_options_that_cannot_be_are_told_before_anything_is_made(
    option: str, value: float, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        InputError, match=f"{option} (is|must be a finite number of at least 0, got) {value}"
    ):
        run(config(images), tmp_path / "run", **{option: value})
    assert not (tmp_path / "run").exists()
