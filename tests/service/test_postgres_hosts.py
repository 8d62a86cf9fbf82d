"""Two `shiomi serve` and one `shiomi run`, as on several machines, with one PostgreSQL server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shiomi.digest.address import PostgresAddress
from shiomi.digest.archive import Archive
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.config import Config
from shiomi.service import lease
from shiomi.site.app import create_app
from tests.digest.community_server import communities
from tests.digest.test_killed import sample_threads
from tests.loopback import free_port
from tests.postgres_server import PostgresServer
from tests.service.test_run import line_with, settings, start
from tests.site.conftest import NOON, fill, thread

PATHS = ("/", "/2020-12-13", "/search?q=rust", "/story/hackernews:1", "/api/v1/digests", "/healthz")


@pytest.mark.slow
def test_sites_on_two_hosts_show_what_a_third_writes(postgres: PostgresServer) -> None:
    address = PostgresAddress(postgres.new())
    fill(address)
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(TestClient(create_app(Config(archive=address)))) for _ in range(2)
        )
        archive = stack.enter_context(Archive.open(address))
        for client in (one, other):
            for path in PATHS:
                assert client.get(path).status_code == 200, path
            assert client.get("/story/hackernews:new").status_code == 404
        etag = one.get("/sources").headers["etag"]
        archive.add([thread("hackernews", "new", "New")], seen=NOON)
        for client in (one, other):
            assert client.get("/story/hackernews:new").status_code == 200
            assert client.get("/sources").headers["etag"] != etag
            assert "New" in client.get("/search?q=new").text


@pytest.mark.slow
def test_a_site_answers_503_while_the_server_is_away_and_recovers(postgres: PostgresServer) -> None:
    address = PostgresAddress(postgres.new())
    fill(address)
    with TestClient(create_app(Config(archive=address))) as client:
        assert {client.get(path).status_code for path in PATHS} == {200}
        for mode in ("immediate", "fast"):
            postgres.stop(mode)
            try:
                for path in PATHS:
                    response = client.get(path)
                    assert response.status_code == 503, path
                    assert int(response.headers["retry-after"]) > 0
                    assert "shiomi-pg" not in response.text  # nor the address of the server
            finally:
                postgres.start()
            assert {client.get(path).status_code for path in PATHS} == {200}
        postgres.stop("immediate")  # with no request meanwhile
        postgres.start()
        assert {client.get(path).status_code for path in PATHS} == {200}


def test_leases_follow_the_clock_of_the_server(postgres: PostgresServer) -> None:
    with Archive.open(postgres.new()) as archive:
        store = LeaseStore(archive)
        assert store.take("run", "one 1 x", now=archive.time(0.0), seconds=60) is None
        a_year_ahead = time.time() + 3e7
        assert store.take("run", "two 1 y", now=archive.time(a_year_ahead), seconds=60) == "one 1 x"


@pytest.mark.process
def test_run_and_two_serve_survive_a_crash_of_the_server(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    address = PostgresAddress(postgres.new())
    fill(address)
    with communities(sample_threads()[:40]) as source, ExitStack() as stack:
        path = settings(source, tmp_path)
        text = path.read_text()
        path.write_text(
            f'archive = "{address.conninfo}"\n[schedule]\ncollect = "* * * * *"\n{text}'
        )
        sites = [stack.enter_context(served(path)) for _ in range(2)]
        postgres.stop("immediate")
        try:
            running = stack.enter_context(process(start(path)))
            line_with(running, "the archive is not ready; it is tried again")
            for site in sites:
                assert answer(site, "/story/hackernews:1")[0] == 503
        finally:
            postgres.start()
        line_with(running, "running")
        assert running.stderr is not None
        second = start(path)
        _, said = second.communicate(timeout=60)
        assert second.returncode == 1
        assert re.search(rf"works on .* already: process {running.pid} on ", said)
        for site in sites:
            assert answer(site, "/story/hackernews:1")[0] == 200
        running.send_signal(signal.SIGKILL)
        running.wait()
        with Archive.open(address) as archive:
            now = archive.time(0.0)
            held = LeaseStore(archive).take("run", "elsewhere 1 x", now=now, seconds=120)
        assert held is not None
        assert lease.is_gone(held)  # this machine need not wait
        again = stack.enter_context(process(start(path)))
        line_with(again, "running")
        again.send_signal(signal.SIGTERM)
        assert again.wait(timeout=30) == 0


@contextmanager
def process(started: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block."""
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextmanager
def served(path: Path) -> Iterator[str]:
    """`shiomi serve` as a process; gives its address once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "shiomi.cli", "-c", str(path), "serve", "--no-gate",
               "--port", str(port)]  # fmt: skip
    environment = {**os.environ, "NO_PROXY": "*"}
    with process(subprocess.Popen(command, text=True, env=environment)) as running:
        for _ in range(600):
            assert running.poll() is None
            if answer(f"http://127.0.0.1:{port}", "/healthz")[0] == 200:
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


def answer(site: str, path: str) -> tuple[int, str]:
    """The status of an answer, 0 without one, and the header Retry-After."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{site}{path}", timeout=30) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")
    except OSError:
        return 0, ""
