"""`shiomi digest` while a model writes: progress, Ctrl-C, and the same command again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from shiomi.cli.exits import Exit
from shiomi.digest.archive import Archive
from tests.digest.writing.model_server import Handler, completion, serving
from tests.digest.writing.sample import threads

TOPICS = 4


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """A grounded sentence: the title of the evidence as a quotation."""
    lines = body["messages"][-1]["content"].splitlines()
    title = next(json.loads(line) for line in lines if line.startswith("{"))["text"]
    lead = [{"text": f"「{title}」という題の記事が話題です。", "evidence": [1]}]
    empty: dict[str, Any] = {"gloss": [], "technical": [], "voices": [], "implications": []}
    return completion(json.dumps(empty | {"lead": lead}, ensure_ascii=False))


@pytest.mark.process
def test_ctrl_c_keeps_finished_topics_and_the_same_command_continues(tmp_path: Path) -> None:
    with Archive.open(tmp_path / "shiomi.sqlite3") as archive:
        short = [one for one in threads().values() if len(one.title) < 30]
        archive.add(short, seen=1_607_900_000)
    asked: list[str] = []
    held, hold = threading.Event(), [True]

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        if hold and len(asked) == 2:
            held.set()
            handler.connection.recv(1)  # until the client hangs up
            handler.close_connection = True
            return
        asked.append(body["messages"][-1]["content"])
        handler.reply(200, answer(body))

    with serving(behave) as server:
        config = tmp_path / "shiomi.toml"
        config.write_text(
            f'[writer]\nendpoint = "{server.endpoint}"\nmodel = "tiny"\nrepair = false\n'
            f"[digest]\ntopics = {TOPICS}\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "shiomi.cli", "-c", str(config)]
        command += ["digest", "--week", "2020-12-13"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert held.wait(120)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == Exit.INTERRUPTED
        assert said.count("wrote ") == 2
        assert said.count("1 sentences kept") == 2
        hold.clear()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert len(asked) == len(set(asked)) == TOPICS  # no topic was written twice
    page = (tmp_path / "public" / "2020-12-13.md").read_text(encoding="utf-8")
    assert page.count("という題の記事が話題です。") == TOPICS
