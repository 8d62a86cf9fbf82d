"""`kill -9` at any moment of a run, on one rank and on two.

A run is killed at random moments and started again, over and over; what stands at the end must be,
bit for bit, what an undisturbed run leaves.
"""

from __future__ import annotations

import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.metrics import read_metrics
from shiomi.lejepa.train import Moment
from tests.lejepa.image_folders import image_folder
from tests.lejepa.rank_processes import finish, rank_processes

pytestmark = pytest.mark.process

STEPS = 24


def config(images: Path, accumulate: int) -> PretrainConfig:
    return PretrainConfig(
        str(images),
        encoder="tests.lejepa.tiny:tiny_encoder",
        training=Training(steps=STEPS, batch_size=10, accumulate=accumulate, slices=16),
        local_views=2,
        projector_hidden=16,
        projector_width=8,
    )


def train(
    config: PretrainConfig, out: Path, last_step: Path | None = None, held: bool = False
) -> None:
    """One rank of a run. At its last step it makes the file `last_step`; `held`, it stays there.

    A run that is held cannot end before it is killed, however late the kill comes.
    """
    from shiomi.lejepa.pretraining import pretrain

    def observe(moment: Moment) -> None:
        if last_step is not None and moment.step == moment.steps:
            last_step.touch()
            time.sleep(240 if held else 0)

    pretrain(
        config,
        out,
        device="cpu",
        checkpoint_seconds=0.0,
        log_every=3,
        evaluations=2,
        extras=False,
        observe=observe,
    )


def run(config: PretrainConfig, out: Path, ranks: int) -> None:
    """Run all ranks to the end."""
    with rank_processes(ranks, train, config, out) as processes:
        finish(processes)


def kill(config: PretrainConfig, out: Path, ranks: int, checkpoints: int) -> None:
    """Start all ranks, and kill them at a random moment `checkpoints` checkpoints from then."""
    last_step = out.with_suffix(".last_step")
    last_step.unlink(missing_ok=True)
    seconds = random.uniform(0, 0.05 if checkpoints else 1.0)  # a start takes about one
    with rank_processes(ranks, train, config, out, last_step, True) as processes:
        seen = modified(out / "checkpoint" / "last.pt")
        while checkpoints and not last_step.exists() and all(alive(processes)):
            time.sleep(0.001)
            if (now := modified(out / "checkpoint" / "last.pt")) != seen:
                seen, checkpoints = now, checkpoints - 1
        time.sleep(seconds)
        assert all(alive(processes)), "it failed by itself"
        for process in random.sample(processes, ranks):
            process.kill()


def kill_as_it_ends(config: PretrainConfig, out: Path, ranks: int) -> None:
    """Kill all ranks about when the last checkpoint and the encoder are written, or just after."""
    last_step = out.with_suffix(".last_step")
    last_step.unlink(missing_ok=True)
    with rank_processes(ranks, train, config, out, last_step) as processes:
        while not last_step.exists() and all(alive(processes)):
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.03))


def alive(processes: list[BaseProcess]) -> list[bool]:
    return [process.exitcode is None for process in processes]


def modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


@pytest.mark.parametrize(("ranks", "accumulate", "kills"), [(1, 1, 5), (2, 2, 3)])
def test_a_run_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, ranks: int, accumulate: int, kills: int
) -> None:
    told = config(image_folder(tmp_path / "images"), accumulate)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(told, whole, ranks)
    for _ in range(kills):
        kill(told, killed, ranks, random.randint(0, 4))
    kill_as_it_ends(told, killed, ranks)
    run(told, killed, ranks)
    assert same_weights(whole, killed)
    assert losses(whole) == losses(killed)


def same_weights(one: Path, other: Path) -> bool:
    a, b = (load_file(run / "encoder.safetensors") for run in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def losses(run: Path) -> list[tuple[float | None, ...]]:
    rows = read_metrics(run / "metrics.csv")
    found = [tuple(row[k] for k in ("step", "loss", "prediction", "sigreg", "lr")) for row in rows]
    evaluated = [tuple(row.values()) for row in read_metrics(run / "evaluations.csv")]
    assert [row[0] for row in found] == [*range(3, STEPS, 3), STEPS]
    assert [row[0] for row in evaluated] == [STEPS // 2, STEPS]
    return found + evaluated
