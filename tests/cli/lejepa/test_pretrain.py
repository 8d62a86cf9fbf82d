"""`shiomi lejepa pretrain` as a user runs it: a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shiomi.cli.exits import Exit
from shiomi.cli.lejepa.pretrain import stopped
from tests.lejepa.image_folders import image_folder

pytestmark = pytest.mark.process

SMALL = ["--steps", "6", "--batch-size", "8", "--slices", "16", "--local-views", "2"]
SMALL += ["--encoder", "tests.lejepa.tiny:tiny_encoder", "--evaluations", "1", "--device", "cpu"]
ROOT = Path(__file__).parents[3]


def start(folder: Path, *args: str, ranks: int = 1) -> subprocess.Popen[str]:
    run = [sys.executable, "-m"]
    if ranks > 1:
        run += ["torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m"]
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*run, "shiomi.cli", "lejepa", "pretrain", *args],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_command_makes_an_encoder_and_says_what_it_made(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos")
    (tmp_path / "photos" / "red" / "\x1b[2J.txt").write_text("no picture")
    process = start(tmp_path, "photos", "--out", "run", *SMALL)
    out, err = process.communicate(timeout=240)
    assert process.returncode == Exit.DONE, err
    assert "step 6 of 6  loss" in err
    assert "images/s" in err
    assert "1 files could not be read" in out
    assert "knn" in out
    made = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"encoder.safetensors", "encoder.onnx", "report.html", "skipped.txt"} <= made
    assert "\x1b" not in out + err


def test_torchrun_trains_on_two_ranks_and_one_of_them_speaks(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos")
    args = ("photos", "--out", "run", *SMALL, "--json")
    process = start(tmp_path, *args, ranks=2)
    out, err = process.communicate(timeout=240)
    assert process.returncode == Exit.DONE, err
    told = json.loads(out)
    assert told["last"]["step"] == 6
    assert told["images"] == 24
    assert Path(told["files"][0]).name == "encoder.safetensors"


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos")
    args = ["photos", "--out", "run", *SMALL, "--steps", "100000", "--checkpoint-seconds", "1e9"]
    process = start(tmp_path, *args)
    metrics = tmp_path / "run" / "metrics.csv"
    until = time.monotonic() + 120
    while not metrics.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == Exit.INTERRUPTED, err
    assert "saved in run; the same command continues" in err
    assert "Traceback" not in err
    assert (tmp_path / "run" / "checkpoint" / "last.pt").exists()


def test_what_is_stopped_before_a_checkpoint_is_not_said_to_be_saved(tmp_path: Path) -> None:
    assert stopped(tmp_path).startswith("stopped before the first checkpoint")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "last.pt").touch()
    assert stopped(tmp_path).startswith(f"saved in {tmp_path}")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["absent", "--out", "run"], "absent does not exist"),
        (["photos", "--out", "run", "--labels", "l.txt"], "2 labels for 24 images"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_1(
    args: list[str], told: str, tmp_path: Path
) -> None:
    image_folder(tmp_path / "photos")
    (tmp_path / "l.txt").write_text("1\n2\n")
    process = start(tmp_path, *args)
    _, err = process.communicate(timeout=120)
    assert process.returncode == Exit.FAILED
    assert told in err
    assert len(err.strip().splitlines()) == 1
