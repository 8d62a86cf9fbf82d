"""Run a web application under uvicorn, in one process or several."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

__all__ = ["listen", "listening", "run"]

_BACKLOG = 2048
_STOP_SECONDS = 10  # seconds that a stopped server waits for running requests


def listen(
    host: str, port: int, unix_socket: Path | None, error_type: type[Exception]
) -> socket.socket:
    """Return a listening socket. From then on, new connections wait until a worker answers.

    At `unix_socket` there may be a socket that no process uses any more. It is replaced.

    Raises
    ------
    error_type
        The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    where = f"{host}:{port}"
    if unix_socket is not None:
        where, family = str(unix_socket), socket.AF_UNIX
    bound = socket.socket(family)
    try:
        if unix_socket is not None:
            _remove_unused(unix_socket)
            bound.bind(where)
            unix_socket.chmod(0o666)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
        bound.listen(_BACKLOG)
        bound.set_inheritable(True)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        options = "--socket" if unix_socket is not None else "--host or --port"
        raise error_type(f"cannot listen on {where}: {reason}; choose another {options}") from error
    return bound


@contextmanager
def listening(
    host: str, port: int, unix_socket: Path | None, error_type: type[Exception]
) -> Iterator[socket.socket]:
    """Listen as `listen` does until the block ends, then close and remove the socket."""
    bound = listen(host, port, unix_socket, error_type)
    try:
        yield bound
    finally:
        bound.close()
        if unix_socket is not None:
            unix_socket.unlink(missing_ok=True)


def _remove_unused(unix_socket: Path) -> None:
    """Remove the socket of a process that has ended. Raises OSError if anything else is there."""
    try:
        mode = unix_socket.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is something that is not a socket")
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)  # so that a process with too many clients is not waited for
        try:
            client.connect(str(unix_socket))
        except ConnectionRefusedError:
            unix_socket.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, "another process listens there")


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal stop the server and not the process, so that the caller can clean up.

    At its end, the server raises the signals that it got again, for the handlers before its own.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    application: str,
    bound: socket.socket,
    *,
    workers: int = 1,
    hup_workers: bool = False,
    **options: Any,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that have begun and return.

    If the application cannot start, the exit status is 3.

    Parameters
    ----------
    application
        "module:function" that returns the ASGI application; each worker calls it.
    bound
        A socket that listens.
    hup_workers
        Whether to pass SIGHUP on to the workers, instead of restarting them.
    options
        Further settings of `uvicorn.Config`.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from shiomi.tolerant_http import TolerantProtocol

    class Supervisor(Multiprocess):
        def handle_hup(self) -> None:
            for process in self.processes if hup_workers else ():
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGHUP)
            if not hup_workers:
                super().handle_hup()

    config = uvicorn.Config(
        application,
        factory=True,
        http=TolerantProtocol,
        workers=workers,
        access_log=False,
        proxy_headers=False,  # the gate reads these headers, and only from trusted proxies
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        **{"log_level": "warning", **options},
    )
    server = uvicorn.Server(config)
    if workers > 1:
        Supervisor(config, [bound]).run()
    else:
        with _stopped_by_signals(server):
            server.run([bound])
    if workers == 1 and not server.started:
        raise SystemExit(3)
