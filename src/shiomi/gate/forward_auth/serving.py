"""serve(): run the forward-auth service under uvicorn, in one process or several.

Workers share a state. Each worker writes its counts to a file in a common folder, and the worker
that answers /metrics reads all of these files.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shiomi import uvicorn_server
from shiomi.extras import needs_extra
from shiomi.gate.errors import GateError, MissingError, StateError
from shiomi.gate.forward_auth.forward_auth import LOOPBACK, ForwardAuth
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity import load_tables
from shiomi.gate.identity.freshness import warn_if_stale
from shiomi.gate.identity.reverse_dns import ReverseDns
from shiomi.gate.policy import Policy, load_policy
from shiomi.gate.refusal_log import RefusalLog
from shiomi.gate.state.opening import open_state

if TYPE_CHECKING:
    from shiomi.gate.asgi import Receive, Scope, Send

__all__ = ["Service", "application", "serve"]

_log = logging.getLogger(__name__)
_SERVICE = "SHIOMI_GATE_SERVICE"  # workers inherit the environment, however they are started
_SAVE_SECONDS = 1.0  # seconds between two writes of a worker's counts
_KEEP_ALIVE_SECONDS = 75  # longer than a web server keeps its connections to this service


@dataclass(frozen=True)
class Service:
    """The settings of the service, which every worker reads."""

    policy: Path | None = None  # None: the default policy
    state: str = "memory"  # as `open_state` takes it
    clients: int = 1_000_000
    on_damage: Literal["refuse", "rebuild"] = "refuse"
    servers: tuple[str, ...] = LOOPBACK  # servers that may use it
    dns: bool = True
    tables: Path | None = None  # the folder that `shiomi gate update` writes
    refusals: Path | None = None  # a file that gets a line of JSON for each refusal

    def gatekeeper(self, before: Gatekeeper | None = None) -> Gatekeeper:
        """Return the gatekeeper; it takes over state, counts and log of refusals of `before`.

        Raises
        ------
        GateError
            The policy is wrong, or the state cannot be opened.
        """
        policy = Policy() if self.policy is None else load_policy(self.policy)
        if before is None:
            state = open_state(self.state, clients=self.clients, on_damage=self.on_damage)
            refusals = None if self.refusals is None else RefusalLog(self.refusals)
        return Gatekeeper(
            policy,
            state=state if before is None else before.state,
            tables=load_tables(self.tables),
            resolver=ReverseDns() if self.dns else None,
            metrics=None if before is None else before.metrics,
            refusals=refusals if before is None else before.refusals,
        )


def serve(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 9292,
    unix_socket: Path | None = None,
    workers: int = 1,
    log_level: str = "warning",
) -> None:
    """Serve until SIGTERM or SIGINT, and then finish the requests in progress.

    On SIGHUP every worker reads the policy and the lists again. If they contain an error, the error
    is logged, and the old policy and lists stay in use. A socket that systemd passes (`LISTEN_FDS`)
    is used in place of an address. systemd is notified when the service is ready (`NOTIFY_SOCKET`).

    Raises
    ------
    MissingError
        uvicorn is not installed.
    GateError
        The policy is wrong, the state cannot be opened or shared, or the address is taken.
    """
    if find_spec("uvicorn") is None:
        raise MissingError(needs_extra("shiomi gate serve", "uvicorn", "gate-serve"))
    if workers > 1 and service.state == "memory":
        raise StateError(
            f"{workers} workers need a shared state: --state must be a file or redis://HOST:PORT/0"
        )
    warn_if_stale(service.tables, datetime.datetime.now(datetime.UTC).date())
    service.gatekeeper().close()  # so that an error is reported here once, not by every worker
    with ExitStack() as stack:
        run = stack.enter_context(tempfile.TemporaryDirectory(prefix="shiomi-gate-"))
        passed = _passed_socket()
        where = "the socket of systemd" if passed else str(unix_socket or f"http://{host}:{port}")
        given = {**asdict(service), "run": run, "where": where}
        os.environ[_SERVICE] = json.dumps(given, default=str)
        uvicorn_server.run(
            f"{__name__}:application",
            passed
            or stack.enter_context(uvicorn_server.listening(host, port, unix_socket, GateError)),
            workers=workers,
            hup_workers=True,
            lifespan="on",
            log_level=log_level,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )


def _passed_socket() -> socket.socket | None:
    """Return the socket that systemd passes to this process (sd_listen_fds(3)), or None."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not os.environ.get("LISTEN_FDS"):
        return None
    return socket.socket(fileno=3)


def notify(state: str) -> None:
    """Tell systemd the state of this service (sd_notify(3)); do nothing outside systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            _log.warning("systemd cannot be notified of %s: %s", state, error.strerror)


def application() -> _Worker:
    """Return the service that a worker of `serve` runs; the environment describes it."""
    given = json.loads(os.environ[_SERVICE])
    run, where = Path(given.pop("run")), given.pop("where")
    for name in ("policy", "tables", "refusals"):
        given[name] = None if given[name] is None else Path(given[name])
    return _Worker(Service(**{**given, "servers": tuple(given["servers"])}), run, where)


class _Worker:
    """The service in one worker; it writes its counts to a file while it runs."""

    def __init__(self, service: Service, run: Path, where: str) -> None:
        self._service = service
        self._run = run
        self._where = where
        self._gatekeeper = service.gatekeeper()
        self._app = self._made()
        self._saving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._saving = asyncio.create_task(self._save_now_and_then())
            with suppress(NotImplementedError, AttributeError):  # no such signal on Windows
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
            self._announce()
            await self._app(scope, receive, send)
            self._saving.cancel()
            self._save()
        else:
            await self._app(scope, receive, send)

    def reload(self) -> None:
        """Read the policy and the lists again; keep the old ones if one of them is wrong."""
        old = self._gatekeeper
        try:
            self._gatekeeper = self._service.gatekeeper(before=old)
        except GateError as error:
            _log.error("the new policy has an error, so the old policy stays in use: %s", error)
            return
        self._app = self._made()
        _log.warning("%s was read again", self._service.policy or "the folder of lists")

    def _made(self) -> ForwardAuth:
        return ForwardAuth(
            self._gatekeeper, servers=self._service.servers, metrics=self._metrics_text
        )

    def _announce(self) -> None:
        """Notify systemd that the service is ready; only the first worker does this."""
        try:
            (self._run / "ready").touch(exist_ok=False)
        except OSError:
            return
        by = self._service.policy or "the default policy"
        sys.stderr.write(f"the gate answers on {self._where}, with {by}\n")
        sys.stderr.flush()
        notify("READY=1")

    def _metrics_text(self) -> str:
        return self._gatekeeper.metrics_text(self._gatekeeper.metrics.saved_by_others(self._run))

    async def _save_now_and_then(self) -> None:
        while True:
            self._save()
            await asyncio.sleep(_SAVE_SECONDS)

    def _save(self) -> None:
        try:
            self._gatekeeper.metrics.save(self._run)
        except OSError as error:  # on a full disk, only counts are lost
            _log.warning("counts cannot be written to %s: %s", self._run, error.strerror)
