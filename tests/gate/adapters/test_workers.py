"""The one line of the documentation under several workers, as sites run it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gate.http_client import Visitor
from tests.gate.servers import ROOT, Server, server
from tests.loopback import free_port

pytestmark = pytest.mark.process

_FLASK = """
import os
import time
from flask import Flask
from shiomi.gate.wsgi import GateMiddleware

app = Flask(__name__)
app.wsgi_app = GateMiddleware(app.wsgi_app)

@app.get("/<path:page>")
def home(page):
    time.sleep(0.01)  # busy, so that the next worker is asked
    return f"<html><body>worker={os.getpid()}</body></html>"
"""


@contextmanager
def gunicorn(folder: Path, *options: str) -> Iterator[Server]:
    (folder / "site_of_four.py").write_text(_FLASK, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-w", "4", *options, "-b", f"127.0.0.1:{port}"]
    path = f"{folder}:{ROOT / 'src'}"
    with server(
        [*command, "site_of_four:app"],
        port=port,
        log=folder / "gunicorn.log",
        cwd=folder,
        environment={"PYTHONPATH": path, "XDG_STATE_HOME": str(folder / "state")},
    ) as running:
        yield running


def tour(port: int) -> list[str]:
    """Visit as a new browser, challenged once; the workers that answered."""
    visitor = Visitor(port)
    answers = [visitor.visit("/first"), *(visitor.get("/again") for _ in range(8))]
    assert [answer.status for answer in answers] == [200] * 9
    return [re.findall(r"worker=(\d+)", answer.text)[0] for answer in answers]


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_four_workers_challenge_each_visitor_once(options: tuple[str, ...], tmp_path: Path) -> None:
    with gunicorn(tmp_path, *options) as running, ThreadPoolExecutor(8) as together:
        tours = list(together.map(tour, [running.port] * 8))
    assert len({worker for one in tours for worker in one}) > 1
    assert "share no state" not in (tmp_path / "gunicorn.log").read_text()
