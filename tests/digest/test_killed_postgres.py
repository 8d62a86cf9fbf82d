"""`kill -9` of collect, link and digest, and crashes of the PostgreSQL server, at random points.

Whatever was interrupted is started again. In the end the archive and the pages equal those of an
undisturbed run with SQLite.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from shiomi.digest.address import PostgresAddress
from shiomi.digest.config import Config
from tests.digest.community_server import communities, configured
from tests.digest.test_killed import STEPS, contents, pages, run, sample_threads
from tests.postgres_server import PostgresServer

pytestmark = [pytest.mark.process, pytest.mark.slow]

ATTEMPTS = 10  # of each step; every third ends with a crash of the server


def test_killed_processes_and_a_crashing_server_lose_and_repeat_nothing(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    rng = random.Random(20201213)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with communities(sample_threads()) as address:
        whole = configured(address, tmp_path / "whole")
        (tmp_path / "whole").mkdir()
        killed = replace(
            configured(address, tmp_path / "killed"), archive=PostgresAddress(postgres.new())
        )
        interrupted = 0
        for name in STEPS:
            begun = time.perf_counter()
            assert run(context, STEPS[name], whole) == 0
            seconds = time.perf_counter() - begun
            for number in range(ATTEMPTS):
                # Growing waits: the first ones hit the step even if it now runs much faster.
                wait = 0.1 + seconds * (number + rng.random()) / ATTEMPTS
                if number % 3 == 2:
                    interrupted += crash(context, name, killed, postgres, wait)
                else:
                    interrupted += run(context, STEPS[name], killed, wait) == -9
            assert run(context, STEPS[name], killed) == 0
    assert interrupted >= len(STEPS)  # the rest ended before the kill
    assert contents(killed.archive) == contents(whole.archive)
    assert pages(killed.out) == pages(whole.out)


def crash(
    context: ForkServerContext, name: str, config: Config, server: PostgresServer, wait: float
) -> bool:
    """Crash and restart the server while the step works; whether the step noticed."""
    process = context.Process(target=STEPS[name], args=(config,))
    process.start()
    process.join(wait)
    server.stop("immediate")
    server.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode != 0
