"""The process that runs llama.cpp's server: `python -m shiomi.digest.writing.local.child FILE`.

It prints the server's address when the model is loaded. It ends the server and itself when its
standard input closes, which happens even if its parent is killed. The server is a separate process,
because llama.cpp does not react to anything while it loads a model. LLAMA_API_KEY contains the key.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from shiomi.rig.errors import RigError
from shiomi.rig.model.gguf_header import read_gguf_header

__all__ = ["CONTEXT", "PROGRAM", "main"]

CONTEXT = 8_192  # tokens; enough for the evidence, the worked example and the longest answer
PROGRAM = "llama-server"
PAUSE = 0.1  # seconds between two checks whether the server answers

# For files of these families without a chat template, for which llama.cpp would use ChatML.
_GEMMAS = ("gemma", "gemma2", "gemma3")
_TURNS = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else 'user' }}\n"
    "{{ message['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def main() -> int:
    """Serve the model until standard input closes. Return the exit status of the server."""
    if sys.argv[1] == "--serve":
        _serve(Path(sys.argv[2]), int(sys.argv[3]))
    file = Path(sys.argv[1])
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603 - found on the PATH, or this module
        _command(file, port), stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    while server.poll() is None and not _healthy(port):
        time.sleep(PAUSE)
    if server.poll() is None:
        print(f"http://127.0.0.1:{port}", flush=True)  # noqa: T201 - read by the parent
    return server.wait()


def _command(file: Path, port: int) -> list[str]:
    program = shutil.which(PROGRAM)
    if program is None:
        return [sys.executable, "-m", __spec__.name, "--serve", str(file), str(port)]
    command = [program, "-m", str(file), "-c", str(CONTEXT), "-np", "1", "--jinja"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    if template := _template(file):
        command += ["--chat-template", template]
    return command


def _end_with_input(server: subprocess.Popen[bytes]) -> None:
    sys.stdin.buffer.read()
    server.kill()
    server.wait()
    os._exit(0)


def _healthy(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        finally:
            connection.close()
    return False


def _serve(file: Path, port: int) -> NoReturn:
    """Run xllamacpp's server."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(file), CONTEXT, 1
    params.api_keys = [os.environ["LLAMA_API_KEY"]]
    if threads := int(os.environ.get("LLAMA_ARG_THREADS", "0")):  # as llama-server reads it
        params.cpuparams.n_threads = threads
    if template := _template(file):
        params.chat_template = template
    params.hostnames, params.port = ["127.0.0.1"], port
    _server = xllamacpp.Server(params)  # it ends when it is garbage-collected
    while True:
        time.sleep(3600)


def _template(file: Path) -> str:
    """Return a chat template for a file that lacks it, or "" if llama.cpp chooses the right one."""
    try:
        metadata = read_gguf_header(file).metadata
    except RigError:
        return ""  # llama.cpp will report the error better
    needed = metadata.get("general.architecture") in _GEMMAS
    return _TURNS if needed and "tokenizer.chat_template" not in metadata else ""


if __name__ == "__main__":
    sys.exit(main())
