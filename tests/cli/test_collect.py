"""`shiomi collect` against communities on loopback, as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shiomi.cli.exits import Exit
from shiomi.digest.thread import Reading, Thread
from tests.digest.community_server import communities

pytestmark = pytest.mark.process

NOW = int(time.time())
THREADS = [
    *(
        Thread(
            "hackernews",
            str(100 + n),
            f"Story {n} of the tide",
            NOW - n * 3600,
            f"https://news.ycombinator.com/item?id={100 + n}",
            f"https://example.org/{n}",
            readings=(Reading(NOW, 50 + n, n),),
        )
        for n in range(12)
    ),
    *(
        Thread(
            "lobsters",
            f"abc{n:03}",
            f"Story {n} of the tide",
            NOW - n * 3600,
            f"https://lobste.rs/s/abc{n:03}",
            f"https://example.org/{n}",
            readings=(Reading(NOW, 5 + n, n),),
        )
        for n in range(6)
    ),
]

CONFIG = """
[sources.hackernews]
endpoint = "{address}/v0"
search_endpoint = "{address}/api/v1"
comments = 1
[sources.lobsters]
endpoint = "{lobsters}"
pages = 1
comments = 0
[sources.reddit]
enabled = false
[sources.arxiv]
enabled = false
"""


@pytest.fixture
def address() -> Iterator[str]:
    with communities(THREADS) as address:
        yield address


def shiomi(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shiomi.cli", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_week_is_collected_linked_written_and_found_again(tmp_path: Path, address: str) -> None:
    (tmp_path / "shiomi.toml").write_text(CONFIG.format(address=address, lobsters=address))
    done = shiomi(tmp_path, "collect", "--json")
    assert done.returncode == Exit.DONE, done.stderr
    sources = {one["name"]: one for one in json.loads(done.stdout)["report"]["sources"]}
    assert sources["hackernews"]["new"] == 12
    assert sources["lobsters"]["new"] == 6
    done = shiomi(tmp_path, "digest", "--json")
    assert done.returncode == Exit.DONE, done.stderr
    topics = json.loads(done.stdout)["digest"]["topics"]
    assert 2 in {len(topic["story"]["threads"]) for topic in topics}
    assert (tmp_path / "public" / "index.html").exists()
    done = shiomi(tmp_path, "search", "story 3 tide", "--json")
    (hit,) = json.loads(done.stdout)
    assert {one["id"] for one in (hit["thread"], *hit["elsewhere"])} == {"103", "abc003"}
    page = max((tmp_path / "public").glob("20*.md"))
    assert shiomi(tmp_path, "digest", "check", str(page)).returncode == Exit.DONE


def test_a_community_that_is_down_is_named_and_the_others_are_collected(
    tmp_path: Path, address: str
) -> None:
    nobody = "http://127.0.0.1:9"  # the discard port: nothing listens
    (tmp_path / "shiomi.toml").write_text(CONFIG.format(address=address, lobsters=nobody))
    done = shiomi(tmp_path, "collect")
    assert done.returncode == Exit.PARTLY
    assert "hackernews: " in done.stdout
    assert "failed: lobsters: " in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_loses_nothing_and_the_next_run_goes_on(tmp_path: Path, address: str) -> None:
    (tmp_path / "shiomi.toml").write_text(CONFIG.format(address=address, lobsters=address))
    command = [sys.executable, "-m", "shiomi.cli", "collect"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    archive = tmp_path / "shiomi.sqlite3"
    while process.poll() is None and not archive.exists():
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (Exit.INTERRUPTED, Exit.DONE)  # it may have been quicker
    assert shiomi(tmp_path, "collect").returncode == Exit.DONE
    status = json.loads(shiomi(tmp_path, "status", "--json").stdout)
    assert status["archive"]["threads"] == 18


def test_a_source_that_is_not_enabled_is_refused_by_name(tmp_path: Path, address: str) -> None:
    (tmp_path / "shiomi.toml").write_text(CONFIG.format(address=address, lobsters=address))
    done = shiomi(tmp_path, "collect", "--source", "arxiv")
    assert done.returncode == Exit.FAILED
    assert "hackernews, lobsters" in done.stderr
