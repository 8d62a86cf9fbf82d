"""One line for each refusal: JSON or text, by the file's name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shiomi.gate.errors import GateError
from shiomi.gate.forward_auth.serving import Service
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.refusal_log import RefusalLog
from shiomi.gate.state.memory import MemoryState
from tests.gate.clients_of import NOW, sent


def refused(path: Path) -> list[str]:
    gatekeeper = Gatekeeper(
        state=MemoryState(clients=10), refusals=RefusalLog(path), clock=lambda: NOW
    )
    gatekeeper.judge(sent('/a"b', 'GPTBot/1.2 "x"'))
    gatekeeper.judge(sent("/robots.txt", "GPTBot/1.2"))
    return path.read_text(encoding="utf-8").splitlines()


def test_json_and_text_say_the_same(tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "r.jsonl")
    said = json.loads(line)
    assert (said["verdict"], said["client"], said["reason"]) == ("deny", "GPTBot", "purpose")
    (text,) = refused(tmp_path / "r.log")
    words = text.split(" ")
    assert words[:7] == [
        said[name]
        for name in ("time", "verdict", "reason", "client", "purpose", "address", "method")
    ]
    assert text.endswith(f" {json.dumps(said['path'])} {json.dumps(said['agent'])}")


def test_a_renamed_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "r.log"
    now = NOW
    gatekeeper = Gatekeeper(
        state=MemoryState(clients=10), refusals=RefusalLog(path), clock=lambda: now
    )
    gatekeeper.judge(sent("/a", "GPTBot/1.2"))
    path.rename(tmp_path / "r.log.1")
    now += 10
    gatekeeper.judge(sent("/b", "GPTBot/1.2"))
    assert '"/b"' in path.read_text(encoding="utf-8")


def test_while_the_file_cannot_be_opened_again_no_other_file_gets_its_lines(tmp_path: Path) -> None:
    folder, other = tmp_path / "logs", tmp_path / "other"
    folder.mkdir()
    now = NOW
    gatekeeper = Gatekeeper(
        state=MemoryState(clients=10),
        refusals=RefusalLog(folder / "r.log"),
        clock=lambda: now,
    )
    gatekeeper.judge(sent("/a", "GPTBot/1.2"))
    folder.rename(tmp_path / "old")
    now += 10
    gatekeeper.judge(sent("/b", "GPTBot/1.2"))
    with other.open("w"):  # gets the lowest free number
        gatekeeper.judge(sent("/c", "GPTBot/1.2"))
        folder.mkdir()
        gatekeeper.judge(sent("/d", "GPTBot/1.2"))
        now += 10
        gatekeeper.judge(sent("/e", "GPTBot/1.2"))
    assert other.read_bytes() == b""
    text = (folder / "r.log").read_text(encoding="utf-8")
    assert [line.split(" ")[7] for line in text.splitlines()] == ['"/d"', '"/e"']


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
def test_reading_the_policy_again_and_closing_leave_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "r.log"

    def opened() -> int:
        return [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()].count(str(path))

    service = Service(refusals=path, dns=False)
    gatekeeper = service.gatekeeper()
    for _ in range(3):
        gatekeeper = service.gatekeeper(before=gatekeeper)
    assert opened() == 1
    gatekeeper.judge(sent("/a", "GPTBot/1.2"))
    gatekeeper.close()
    assert opened() == 0
    assert '"/a"' in path.read_text(encoding="utf-8")


def test_a_closed_log_is_opened_again_by_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "r.log"
    log = RefusalLog(path)
    gatekeeper = Gatekeeper(state=MemoryState(clients=10), refusals=log, clock=lambda: NOW)
    gatekeeper.judge(sent("/a", "GPTBot/1.2"))
    log.close()
    log.close()
    gatekeeper.judge(sent("/b", "GPTBot/1.2"))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="nowhere"):
        RefusalLog(tmp_path / "nowhere" / "r.log")
