"""`kill -9` at any moment of a run, on one rank and on two.

A run is killed at random moments and started again, over and over; what stands at the end must be,
bit for bit, what an undisturbed run leaves.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.metrics import read_metrics
from tests.lejepa.image_folders import image_folder

CONTEXT = multiprocessing.get_context("forkserver")
STEPS = 24
# Imported once, and not at each start: what a run imports, and what AdamW does as it is made.
IMPORTED = ("shiomi.lejepa.pretraining", "torch._dynamo", "torch.utils.tensorboard")


def config(images: Path, accumulate: int) -> PretrainConfig:
    return PretrainConfig(
        str(images),
        encoder="tests.lejepa.tiny:tiny_encoder",
        training=Training(steps=STEPS, batch_size=10, accumulate=accumulate, slices=16),
        local_views=2,
        projector_hidden=16,
        projector_width=8,
    )


def train(config: PretrainConfig, out: Path, rank: int, ranks: int, port: int) -> None:
    """One rank of a run, as torchrun starts it."""
    from shiomi.lejepa.pretraining import pretrain

    torch.set_num_threads(1)
    os.setpgid(0, 0)
    if ranks > 1:
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    pretrain(
        config,
        out,
        device="cpu",
        checkpoint_seconds=0.0,
        log_every=3,
        evaluations=2,
        extras=False,
    )


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def run(config: PretrainConfig, out: Path, ranks: int, steps: int | None = None) -> bool:
    """Run all ranks to the end, or kill them at a random moment `steps` checkpoints from now."""
    port = free_port()
    processes: list[BaseProcess] = [
        CONTEXT.Process(target=train, args=(config, out, rank, ranks, port))
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    if steps is not None:
        wait_for_checkpoints(out / "checkpoint" / "last.pt", steps, processes)
        time.sleep(random.uniform(0, 0.05 if steps else 1.0))
        for process in random.sample(processes, ranks):
            process.kill()
    for process in processes:
        process.join(240)
    return all(process.exitcode == 0 for process in processes)


def wait_for_checkpoints(path: Path, count: int, processes: list[BaseProcess]) -> None:
    """Wait until `path` was replaced `count` times, or a process has ended."""
    seen = modified(path)
    while count and all(process.exitcode is None for process in processes):
        time.sleep(0.001)
        if (now := modified(path)) != seen:
            seen, count = now, count - 1


def modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


@pytest.mark.parametrize(("ranks", "accumulate", "kills"), [(1, 1, 5), (2, 2, 3)])
def test_a_run_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, ranks: int, accumulate: int, kills: int
) -> None:
    CONTEXT.set_forkserver_preload([__name__, *IMPORTED])
    told = config(image_folder(tmp_path / "images"), accumulate)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(told, whole, ranks)
    done = sum(not run(told, killed, ranks, random.randint(0, 4)) for _ in range(kills))
    assert done >= kills - 1  # the last one may come too late
    assert run(told, killed, ranks)
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
