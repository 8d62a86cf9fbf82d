"""serve(): the forward-auth service as a process, or several, under uvicorn.

Workers share a state; each writes its counts into a folder of the run, where whichever worker is
asked for /metrics finds them. A policy that has changed is read with SIGHUP, worker by worker, and
one that is wrong stops nothing: it is read, and complained about, before the first worker goes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shiomi.gate.errors import GateError, MissingError, StateError
from shiomi.gate.forward_auth.forward_auth import LOOPBACK, ForwardAuth
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity.reverse_dns import ReverseDns
from shiomi.gate.state.opening import open_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from shiomi.gate.asgi import Receive, Scope, Send

__all__ = ["Service", "application", "serve"]

_log = logging.getLogger(__name__)
_SERVICE = "SHIOMI_GATE_SERVICE"  # the environment is what every kind of worker inherits
_SAVE_SECONDS = 1.0  # how often a worker writes its counts down
_STOP_SECONDS = 10  # for requests under way when the service is stopped


@dataclass(frozen=True)
class Service:
    """What is served: everything a worker needs to begin."""

    policy: Path | None = None  # None: the default policy
    state: str = "memory"  # as `open_state` takes it
    clients: int = 1_000_000
    on_damage: Literal["refuse", "rebuild"] = "refuse"
    servers: tuple[str, ...] = LOOPBACK  # who may ask
    dns: bool = True
    tables: Path | None = None  # the folder that `shiomi gate update` writes

    def gatekeeper(self) -> Gatekeeper:
        """Return what decides.

        Raises
        ------
        GateError
            The policy is wrong, or the state cannot be opened.
        """
        from shiomi.gate.identity import load_tables

        state = open_state(self.state, clients=self.clients, on_damage=self.on_damage)
        resolver = ReverseDns() if self.dns else None
        tables = load_tables(self.tables)
        return Gatekeeper(self.policy, state=state, tables=tables, resolver=resolver)


def serve(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 9292,
    unix_socket: Path | None = None,
    workers: int = 1,
    log_level: str = "warning",
    begin: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and then finish what is under way.

    `begin` is called when nothing was found wrong, before the first worker starts.

    Raises
    ------
    MissingError
        uvicorn is not installed.
    GateError
        The policy is wrong, the state cannot be opened or shared, or the address is taken.
    """
    try:
        import uvicorn
    except ImportError:
        raise MissingError("serving needs uvicorn: pip install 'shiomi[gate,gate-serve]'") from None
    if workers > 1 and service.state == "memory":
        raise StateError(
            f"{workers} workers cannot share the memory of one; "
            "give --state a file, or redis://HOST:PORT/0"
        )
    # What is wrong is said here, once, and not by every worker.
    service.gatekeeper().close()
    if unix_socket is None:
        _check_address(host, port)
    if begin is not None:
        begin()
    with tempfile.TemporaryDirectory(prefix="shiomi-gate-") as run:
        os.environ[_SERVICE] = json.dumps({**asdict(service), "run": run}, default=str)
        uvicorn.run(
            f"{__name__}:application",
            factory=True,
            host=host,
            port=port,
            uds=None if unix_socket is None else str(unix_socket),
            workers=workers,
            lifespan="on",
            access_log=False,
            log_level=log_level,
            proxy_headers=False,  # `ForwardAuth` reads them itself, from those it trusts
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )


def _check_address(host: str, port: int) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise GateError(
            f"{host}:{port} cannot be listened on: {error.strerror}; choose another"
        ) from error


def application() -> _Worker:
    """Return the service that a worker of `serve` runs; what it is stands in the environment."""
    given = json.loads(os.environ[_SERVICE])
    run = Path(given.pop("run"))
    for name in ("policy", "tables"):
        given[name] = None if given[name] is None else Path(given[name])
    return _Worker(Service(**{**given, "servers": tuple(given["servers"])}), run)


class _Worker:
    """The service in one worker: its counts are written down while it lives."""

    def __init__(self, service: Service, run: Path) -> None:
        self._gatekeeper = service.gatekeeper()
        self._run = run
        self._app = ForwardAuth(
            self._gatekeeper, servers=service.servers, metrics=self._metrics_text
        )
        self._saving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._saving = asyncio.create_task(self._save_now_and_then())
            await self._app(scope, receive, send)
            self._saving.cancel()
            self._save()
        else:
            await self._app(scope, receive, send)

    def _metrics_text(self) -> str:
        return self._gatekeeper.metrics_text(self._gatekeeper.metrics.saved_by_others(self._run))

    async def _save_now_and_then(self) -> None:
        while True:
            self._save()
            await asyncio.sleep(_SAVE_SECONDS)

    def _save(self) -> None:
        try:
            self._gatekeeper.metrics.save(self._run)
        except OSError as error:  # a full disk costs other workers' counts, and nothing else
            _log.warning("counts cannot be written to %s: %s", self._run, error.strerror)
