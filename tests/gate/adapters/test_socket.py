"""systemd's socket activation: the service takes over the socket that it is given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.gate.http_client import fetch
from tests.gate.servers import ROOT, needs, server
from tests.loopback import free_port


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_answers_on_the_socket_that_systemd_passes(
    workers: int, tmp_path: Path
) -> None:
    activate, port = needs("systemd-socket-activate"), free_port()
    command = [activate, "-l", f"127.0.0.1:{port}", "-E", f"PYTHONPATH={ROOT / 'src'}"]
    command += [sys.executable, "-m", "shiomi.cli", "gate", "serve", "--no-dns"]
    command += ["--port", "1", "--clients", "1000", "--workers", str(workers)]
    with server(command, port=port, log=tmp_path / "log", cwd=tmp_path):
        assert fetch(port, "/health").status == 204
