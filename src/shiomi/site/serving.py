"""Serve the site behind its gate with uvicorn, in one process or several."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shiomi import uvicorn_server
from shiomi.digest.config import load_config
from shiomi.gate.errors import GateError
from shiomi.site.errors import SiteError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["Service", "application", "serve"]

# environment variable with the settings, because workers are new processes
_SERVICE = "SHIOMI_SERVE"


@dataclass(frozen=True, slots=True)
class Service:
    """The settings of a worker."""

    config: Path
    gate: bool = True
    policy: Path | None = None  # None: the policy of policy.py
    state: str | None = None  # None: a file shared by the workers of this machine
    # addresses trusted for X-Forwarded-For; ignored if there is a policy file
    proxies: tuple[str, ...] = ()
    dns: bool = True
    metrics: Path | None = None  # the folder in which workers save the gate's counts

    def app(self) -> ASGIApp:
        """Return the site behind its gate. Raises ConfigError and GateError."""
        from shiomi.gate.asgi import GateMiddleware
        from shiomi.site.app import create_app
        from shiomi.site.metrics import SavesMetrics
        from shiomi.site.policy import site_policy

        app: ASGIApp = create_app(load_config(self.config))
        if self.gate:
            policy = self.policy or site_policy(self.proxies)
            gate = GateMiddleware(app, policy, state=self.state, dns=self.dns)
            app = gate
            if self.metrics is not None:
                app = SavesMetrics(gate, gate.gatekeeper.metrics, self.metrics)
        return app


def serve(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8400,
    unix_socket: Path | None = None,
    workers: int = 1,
    metrics: str = "",
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that have begun.

    `metrics` is an address that answers /metrics, or "". `begin` is called once, after the checks.
    Raises SiteError if an address cannot be used or the extra is missing. Raises ConfigError and
    GateError if a file has wrong settings.
    """
    try:
        import uvicorn  # noqa: F401 - imported here to report that it is missing

        service.app()  # made here so that an error is reported once, and not by each worker
    except ModuleNotFoundError as error:
        raise SiteError(
            f"shiomi serve needs its extras 'site' and 'gate' ({error.name} is missing);"
            " see docs/install.md"
        ) from None
    except GateError as error:
        raise SiteError(str(error)) from error
    with contextlib.ExitStack() as stack:
        if metrics:
            from shiomi.site.metrics import metrics_server

            service = replace(service, metrics=stack.enter_context(metrics_server(metrics)))
        os.environ[_SERVICE] = json.dumps(asdict(service), default=str)
        bound = stack.enter_context(uvicorn_server.listening(host, port, unix_socket, SiteError))
        begin()
        uvicorn_server.run(f"{__name__}:application", bound, workers=workers)


def application() -> ASGIApp:
    """Return the application of one worker. Its settings are in the environment variable that
    `serve` has set."""
    given = json.loads(os.environ[_SERVICE])
    for key in ("config", "policy", "metrics"):
        given[key] = Path(given[key]) if given[key] else None
    given["proxies"] = tuple(given["proxies"])
    return Service(**given).app()
