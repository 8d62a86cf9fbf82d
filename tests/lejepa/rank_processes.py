"""Real processes that are the ranks of one run, started as torchrun starts them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined] # of torch._C

__all__ = ["finish", "rank_processes"]

_CONTEXT = multiprocessing.get_context("forkserver")
# Imported once, and not at each start: what a run imports, and what AdamW does as it is made.
_IMPORTED = ("shiomi.lejepa.pretraining", "torch._dynamo", "torch.utils.tensorboard")
_SECONDS = 240


@contextmanager
def rank_processes(
    ranks: int, target: Callable[..., None], *args: Any
) -> Iterator[list[BaseProcess]]:
    """`target(*args)` in `ranks` processes; none of them lives on when the block is left.

    The store in which they meet is this process's, as it is torchrun's: it listens before they
    start, so that no port is chosen which another program may take first.
    """
    _CONTEXT.set_forkserver_preload([__name__, *_IMPORTED])
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environments = [_environment(rank, ranks, store.port) for rank in range(ranks)]
    processes: list[BaseProcess] = [
        _CONTEXT.Process(target=_main, args=(environment, target, *args))
        for environment in environments
    ]
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        started = [process for process in processes if process.pid is not None]
        for process in started:
            process.kill()
        for process in started:
            process.join()


def finish(processes: list[BaseProcess]) -> None:
    """Wait for processes to end, each without an error."""
    for process in processes:
        process.join(_SECONDS)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def _environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    if ranks == 1:
        return {}
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "GLOO_SOCKET_IFNAME": "lo",
    }


def _main(environment: dict[str, str], target: Callable[..., None], *args: Any) -> None:
    os.environ |= environment
    torch.set_num_threads(1)
    target(*args)
