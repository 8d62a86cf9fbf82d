"""Run the local model while a digest is written: `with running(config) as reachable:`.

The server is a child process on a free loopback port, with a random key. It loads the model,
answers until the block ends, and is then stopped. It also ends if this process is killed.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from shiomi.digest.errors import WriterError
from shiomi.digest.settings import WriterConfig
from shiomi.digest.writing.local.child import PROGRAM
from shiomi.digest.writing.local.lock import newest
from shiomi.extras import needs_extra

__all__ = ["model_file", "running"]

LONGEST_LOADING = 600.0  # seconds until the model is loaded: 20 GB from a slow disk
LONGEST_END = 10.0  # seconds
PATIENCE = 900.0  # seconds for one answer: without a GPU a long prompt takes minutes to read
SHOWN = 300  # characters of the server's last message


def model_file(config: WriterConfig) -> Path:
    """Return the file that `model = "local"` or `"local:FILE"` names. Raises WriterError."""
    name = config.model.partition(":")[2]
    file = config.models / name if name else newest(config.models)
    if file is None:
        raise WriterError(
            f'writer.model is "local", but {config.models} holds no installed model;'
            " `shiomi writer install` gets one"
        )
    if not file.is_file():
        raise WriterError(f"writer.model names {file}, which does not exist")
    return file


@contextmanager
def running(config: WriterConfig) -> Iterator[WriterConfig]:
    """Run the model of `config`, and yield the configuration with its address.

    If `config` names a server that runs already, nothing is started. Raises WriterError, with the
    server's last message, if the server does not start.
    """
    if not config.local:
        yield config
        return
    file = model_file(config)
    if shutil.which(PROGRAM) is None and importlib.util.find_spec("xllamacpp") is None:
        missing = needs_extra('writer.model = "local"', "xllamacpp", "writer")
        raise WriterError(f"{missing}; or put {PROGRAM} of llama.cpp on the PATH")
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603 - this Python and a file
            [sys.executable, "-m", "shiomi.digest.writing.local.child", str(file.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "LLAMA_API_KEY": key},
            start_new_session=True,  # Ctrl-C goes to this process, which ends the child
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            address = _address(child)
            if not address:
                said.seek(0)
                raise WriterError(f"llama.cpp could not load {file}: {_last_words(said.read())}")
            yield replace(
                config,
                endpoint=f"{address}/v1",
                model=file.stem,
                api_key=key,
                timeout_seconds=max(config.timeout_seconds, PATIENCE),
            )
        finally:
            child.stdin.close()  # tells the child to end, also if the wait is interrupted
            with suppress(subprocess.TimeoutExpired):
                child.wait(LONGEST_END)
            child.stdout.close()


def _address(child: subprocess.Popen[bytes]) -> str:
    """Return the address that the child prints, or "" if the child ends before it prints one."""
    assert child.stdin is not None
    assert child.stdout is not None
    watch = threading.Timer(LONGEST_LOADING, child.stdin.close)
    watch.daemon = True
    watch.start()
    try:
        for line in child.stdout:
            if line.startswith(b"http://127.0.0.1:"):
                return line.decode().strip()
    finally:
        watch.cancel()
    return ""


def _last_words(said: bytes) -> str:
    """Return the last line that names an error, else the last line."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    return (wrong or lines or ["it ended without a message"])[-1][:SHOWN]
