"""Real servers for the tests: started on free ports of loopback, waited for, stopped.

    with server([...command...], port=port) as running: ...

Every start is limited in time, and every process is ended with what it started.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.loopback import free_port

__all__ = ["ROOT", "Server", "needs", "python_server", "redis_server", "server"]

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A running process that listens on 127.0.0.1:`port`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT"""
        return f"http://127.0.0.1:{self.port}"

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and end its whole group where it does not; the exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, by)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own: see `server`
        return self.process.wait(_STOP_SECONDS)


def needs(program: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@contextmanager
def server(
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = _START_SECONDS,
) -> Iterator[Server]:
    """Run a command that listens on `port` within some seconds; its output goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    running = Server(process, port, log)
    try:
        _wait(running, seconds)
        yield running
    finally:
        running.stop()


@contextmanager
def python_server(
    application: str,
    folder: Path,
    *,
    port: int | None = None,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """Run uvicorn with "module:application" from `folder`."""
    port = free_port() if port is None else port
    command = [
        *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(workers), "--log-level", "warning", *options),
    ]
    path = os.pathsep.join([str(folder), str(ROOT / "src"), str(ROOT)])
    with server(
        command,
        port=port,
        log=folder / f"uvicorn-{port}.log",
        cwd=folder,
        environment={"PYTHONPATH": path, **(environment or {})},
    ) as running:
        yield running


@contextmanager
def redis_server(folder: Path, *, port: int | None = None) -> Iterator[Server]:
    """Run redis-server, or valkey-server, with its data in `folder`."""
    program = shutil.which("valkey-server") or needs("redis-server")
    port = free_port() if port is None else port
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--dir", str(folder)]
    with server(command, port=port, log=folder / "redis.log") as running:
        yield running


def _wait(running: Server, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running.process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", running.port), timeout=0.2):
                return
        except OSError:
            time.sleep(0.02)
    said = running.log.read_text("utf-8", "replace")[-2000:]
    raise RuntimeError(f"{running.process.args!r} does not listen on {running.port}:\n{said}")
