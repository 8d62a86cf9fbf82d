"""embed, knn, probe, select and report, called as a user calls them, in a folder of runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from shiomi.cli import main
from shiomi.cli.exits import Exit
from tests.lejepa.image_folders import image_folder
from tests.lejepa.small_runs import read_json, small_run


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Shiomi = Callable[..., Done]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, labelled images with a damaged one, and images without labels."""
    folder = tmp_path_factory.mktemp("evaluation")
    images = image_folder(folder / "images", per_class=10)
    (images / "green" / "0.jpg").write_bytes(b"not an image")
    image_folder(folder / "test", per_class=3, classes=("green", "red"))
    image_folder(folder / "plain", per_class=2, classes=("red",))
    small_run(folder / "runs" / "a", images, lam=0.05, loss=0.6, probe=0.5)
    small_run(folder / "runs" / "b", images, lam=0.05, loss=0.4, probe=0.6)
    return folder


@pytest.fixture
def shiomi(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shiomi:
    """Runs `shiomi lejepa ARGS`; in this process, as torch takes seconds to import."""
    monkeypatch.chdir(folder)

    def call(*args: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["shiomi", "lejepa", *args])
        with pytest.raises(SystemExit) as end:
            main()
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return call


@pytest.mark.slow
def test_features_are_written_judged_and_the_damaged_image_is_named(shiomi: Shiomi) -> None:
    done = shiomi("embed", "runs/a", "images", "--out", "x.parquet")
    assert done.returncode == Exit.PARTLY
    assert "x.parquet: 29 rows of " in done.stdout
    assert " features, 29 of them with a label" in done.stdout
    assert "green/0.jpg: not an image" in done.stdout
    knn = read_json(shiomi("knn", "x.parquet", "-k", "3", "--json").stdout)
    assert knn["accuracy"] == 1.0  # even an untrained network sees red, green and blue
    assert knn["rows"] == {"train": 24, "test": 5}
    assert "held out, seed 0" in str(knn["notes"])


@pytest.mark.slow
def test_images_are_embedded_on_the_way_and_classes_matched_by_name(shiomi: Shiomi) -> None:
    done = shiomi("probe", "--run", "runs/a", "images", "test")
    assert done.returncode == Exit.DONE
    assert "linear probe accuracy 100.00%" in done.stdout
    assert "6 test rows, 29 training rows" in done.stdout
    assert "images: 1 left out, the first green/0.jpg: not an image" in done.stdout


def test_runs_are_ranked_without_labels(shiomi: Shiomi) -> None:
    done = shiomi("select", "runs")
    assert done.returncode == Exit.DONE
    assert "most promising by criterion: b" in done.stdout
    ranked = read_json(shiomi("select", "runs/a", "runs/b", "--json").stdout)["ranked"]
    assert isinstance(ranked, list)
    assert [one["name"] for one in ranked] == ["b", "a"]
    assert ranked[0]["probe"] == 0.6


@pytest.mark.process
def test_a_report_is_made_anew_and_of_other_images(shiomi: Shiomi, folder: Path) -> None:
    assert shiomi("report", "runs/a").returncode == Exit.DONE
    done = shiomi("report", "runs/a", "--images", "test", "--out", "test.html")
    assert done.returncode == Exit.DONE
    assert "open it in a browser" in done.stdout
    assert (folder / "runs" / "a" / "report.html").stat().st_size > 20_000
    assert "broken" not in (folder / "test.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("embed nothing images --out x.npy", "not a run's folder"),
        ("embed runs/a nothing --out x.npy", "nothing does not exist"),
        ("embed runs/a test --out x.csv", ".parquet or .npy"),
        ("embed runs/a test --out x.npy --device warp", "no device 'warp'"),
        ("knn images", "--run RUN"),
        ("knn nothing.npy", "does not exist"),
        ("probe --run runs/a plain", "has no labels"),
        ("select images", "no training run found"),
        ("report nothing", "not a run's folder"),
        ("report runs/a --images nothing", "nothing does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(shiomi: Shiomi, command: str, words: str) -> None:
    done = shiomi(*command.split())
    assert done.returncode == Exit.FAILED
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
