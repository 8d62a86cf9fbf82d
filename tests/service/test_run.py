"""`shiomi run`: what is due is done, also after a crash; one instance; signals; probes."""

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
from functools import partial
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.config import load_config
from shiomi.digest.pipeline import link_new
from shiomi.digest.sources.http import new_client
from shiomi.digest.thread import Thread
from shiomi.service.lease import is_gone
from shiomi.service.run import Service
from tests.digest.community_server import communities
from tests.digest.test_killed import WEEK, sample_threads

DAY = 86400
DUE = WEEK.end + 7.5 * 3600 + 20  # when the digest is due: Monday, 07:30 in Tokyo


def settings(address: str, folder: Path, more: str = "") -> Path:
    path = folder / "shiomi.toml"
    path.write_text(
        f"""
        [sources.hackernews]
        endpoint = "{address}/v0"
        search_endpoint = "{address}/api/v1"
        min_points = 0
        [sources.lobsters]
        endpoint = "{address}"
        [sources]
        reddit.enabled = false
        arxiv.enabled = false
        articles.enabled = false
        {more}
        """
    )
    return path


class Time:
    """A clock that moves only when the service waits."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def service(path: Path, clock: Time) -> Service:
    return Service(
        path, load_config(path), clock, clock.wait, clock.wait,
        client=partial(new_client, trust_env=False),
    )  # fmt: skip


def weeks(path: Path) -> list[str]:
    with Archive.open(load_config(path).archive) as archive:
        return DigestStore(archive, "ja").weeks()


@pytest.fixture
def threads() -> list[Thread]:
    return sample_threads()[:40]


@pytest.mark.slow
def test_the_digest_is_made_at_its_moment_and_a_missed_one_at_the_next_start(
    tmp_path: Path, threads: list[Thread]
) -> None:
    with communities(threads) as address:
        path = settings(address, tmp_path)
        clock = Time(WEEK.end - 3600)
        service(path, clock).loop(once=True)
        assert weeks(path) == []
        assert not (tmp_path / "public").exists()
        clock.now = DUE
        service(path, clock).loop(once=True)
        assert weeks(path) == ["2020-12-06"]
        first = (tmp_path / "public" / "2020-12-06.md").read_bytes()
        clock.now = WEEK.end + 15 * DAY  # nothing ran for two weeks
        late = service(path, clock)
        late.loop(once=True)
        assert weeks(path)[-1] == "2020-12-06"  # the weeks without threads have no digest
        assert late.snapshot.digests == 1
        assert (tmp_path / "public" / "2020-12-06.md").read_bytes() == first


def test_collected_threads_are_linked_by_the_configured_encoder(
    tmp_path: Path, threads: list[Thread]
) -> None:
    with communities(threads[:4]) as address:
        path = settings(address, tmp_path, '[link]\nencoder = "minilm"')
        clock = Time(WEEK.end - 3600)
        service(path, clock).loop(once=True)
    with Archive.open(load_config(path).archive) as archive:
        assert archive.thread(threads[0].uid) is not None
        assert link_new(archive, load_config(path)).threads == 0


@pytest.mark.slow
def test_a_digest_that_was_missed_for_days_is_made_after_collecting_again(
    tmp_path: Path, threads: list[Thread]
) -> None:
    with communities(threads) as address:
        path = settings(address, tmp_path)
        clock = Time(WEEK.end - 3600)
        service(path, clock).loop(once=True)
        clock.now = WEEK.end + 2 * DAY
        service(path, clock).loop(once=True)
    assert weeks(path) == ["2020-12-06"]
    with Archive.open(load_config(path).archive) as archive:
        digest = DigestStore(archive, "ja").finished(WEEK)
    assert digest is not None
    assert digest.as_of >= WEEK.end + 2 * DAY
    assert digest.gaps == ()


@pytest.mark.slow
def test_a_clock_that_was_ahead_and_is_set_back_neither_stops_nor_repeats_anything(
    tmp_path: Path, threads: list[Thread]
) -> None:
    with communities(threads) as address:
        path = settings(address, tmp_path)
        clock = Time(WEEK.end - 3600)
        service(path, clock).loop(once=True)
        clock.now += 300 * DAY
        service(path, clock).loop(once=True)
        clock.now = WEEK.end + 8 * 3600
        after = service(path, clock)
        after.loop(once=True)
        assert "2020-12-06" in weeks(path)
        assert after.snapshot.requests  # it collects


@pytest.mark.slow
def test_a_digest_that_could_not_be_published_is_published_and_announced_later_and_once(
    tmp_path: Path, threads: list[Thread], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def send(_: str, title: str, __: str) -> bool:
        told.append(title)
        return True

    with communities(threads) as address:
        path = settings(address, tmp_path, '[notify]\nurls = ["json://127.0.0.1:9/hook"]')
        clock = Time(WEEK.end - 3600)
        one = service(path, clock)
        one.send = send
        one.loop(once=True)
        index = tmp_path / "public" / "index.html"
        index.mkdir(parents=True)  # no file can be written to this path
        clock.now = DUE
        for _ in range(2):
            one.loop(once=True)
            clock.now += 30
        assert weeks(path) == ["2020-12-06"]
        assert told == []
        assert caplog.text.count("the digest is not published; it is tried again") == 2
        index.rmdir()
        for _ in range(2):
            one.loop(once=True)
            clock.now += 30
        assert "2020-12-06.html" in index.read_text(encoding="utf-8")
        assert len([title for title in told if "2020-12-06" in title]) == 1


@pytest.mark.slow
def test_after_a_restart_it_collects_even_if_nothing_can_be_published(
    tmp_path: Path, threads: list[Thread]
) -> None:
    with communities(threads) as address:
        path = settings(address, tmp_path)
        clock = Time(WEEK.end - 3600)
        service(path, clock).loop(once=True)
        clock.now = DUE
        service(path, clock).loop(once=True)
        index = tmp_path / "public" / "index.html"
        index.unlink()
        index.mkdir()  # no file can be written to this path
        clock.now += DAY
        after = service(path, clock)
        after.loop(once=True)
        assert after.snapshot.requests
        index.rmdir()
        after.loop(once=True)
        assert "2020-12-06.html" in index.read_text(encoding="utf-8")


@pytest.mark.slow
def test_settings_that_cannot_be_read_again_leave_the_old_ones(
    tmp_path: Path, threads: list[Thread], caplog: pytest.LogCaptureFixture
) -> None:
    with communities(threads) as address:
        path = settings(address, tmp_path)
        one = service(path, Time(WEEK.end - 3600))
        path.write_text("[schedule]\ncolect = 1")
        one.reload.set()
        one.loop(once=True)
        assert one.config.sources.hackernews.min_points == 0
        settings(address, tmp_path, '[schedule]\ncollect = "0 * * * *"')
        one.reload.set()
        one.loop(once=True)
        assert one.config.schedule.collect == "0 * * * *"
        other = '[schedule]\ncollect = "5 * * * *"'
        settings(address, tmp_path, other)
        path.write_text('archive = "other.sqlite3"\n' + path.read_text())
        one.reload.set()
        one.loop(once=True)
        assert one.config.schedule.collect == "0 * * * *"
        assert "the new settings are not used: `archive` cannot change" in caplog.text


@pytest.mark.process
def test_a_holder_of_this_machine_that_ended_is_gone() -> None:
    host = os.uname().nodename
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_gone(f"{host} {ended.pid} abc")
    assert not is_gone(f"{host} {os.getppid()} abc")
    assert not is_gone(f"elsewhere {ended.pid} abc")


@pytest.fixture
def running(tmp_path: Path, threads: list[Thread]) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    with communities(threads) as address:
        path = settings(address, tmp_path, '[run]\nprobe = "127.0.0.1:0"')
        process = start(path)
        yield path, process
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shiomi.cli", "-c", str(path), "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_PROXY": "*"},
    )


def line_with(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"no line with {word!r}")


@pytest.mark.process
def test_a_process_answers_probes_holds_the_lease_and_ends_on_sigterm(
    running: tuple[Path, subprocess.Popen[str]],
) -> None:
    path, process = running
    found = re.search(r"probes=(\S+)", line_with(process, "running"))
    assert found is not None
    line_with(process, "collected")
    second = start(path)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 1
    assert f"process {process.pid}" in said
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(f"http://{found[1]}/healthz", timeout=60).read() == b"ok\n"
    metrics = ""
    for _ in range(600):
        metrics = opener.open(f"http://{found[1]}/metrics", timeout=60).read().decode()
        if 'feed_last_success_timestamp_seconds{community="lobsters"' in metrics:
            break
        time.sleep(0.1)
    assert 'shiomi_feed_stale{community="lobsters",feed=""} 0' in metrics
    with pytest.raises(urllib.error.HTTPError, match="404"):
        opener.open(f"http://{found[1]}/other", timeout=60)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


@pytest.mark.process
def test_a_process_that_was_killed_leaves_no_lease_to_wait_for(
    running: tuple[Path, subprocess.Popen[str]],
) -> None:
    path, process = running
    line_with(process, "running")
    process.kill()
    process.wait()
    with Archive.open(load_config(path).archive) as archive:
        now = int(time.time())
        held = LeaseStore(archive).take("run", "other 1 x", now=now, seconds=120)
        assert held is not None
        assert is_gone(held)
    again = start(path)
    line_with(again, "running")
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=60) == 0
    assert again.stderr is not None
    again.stderr.close()
