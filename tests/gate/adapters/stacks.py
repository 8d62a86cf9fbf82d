"""The ways a site can stand behind the gate, each as real servers on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.policy import Policy, load_policy
from tests.gate.servers import ROOT, Server, needs, python_server, server
from tests.gate.web_servers import nginx
from tests.loopback import free_port

__all__ = ["APPS", "BARE", "STACKS", "Stack", "caddy", "gate_service", "site_server", "stack"]

APPS = "tests.gate.adapters.apps"


@dataclass(frozen=True)
class Stack:
    """A running site: its address, and the gate's service where there is one."""

    name: str
    port: int
    service: Server | None = None


@contextmanager
def stack(
    name: str, folder: Path, policy: Path | None = None, *, site_app: str = "plain_app"
) -> Iterator[Stack]:
    """Run a site behind the gate in one of the ways of STACKS or BARE.

    `site_app` is what stands behind nginx and Caddy.
    """
    environment = {"GATE_POLICY": str(policy) if policy else ""}
    with ExitStack() as running:
        factory = {**_FRAMEWORKS, **_BARE}.get(name)
        if factory is not None:
            run = _wsgi if name in _WSGI else site_server
            port = running.enter_context(run(folder, f"{APPS}:{factory}", environment)).port
            yield Stack(name, port)
        else:
            needs(name)
            site = running.enter_context(site_server(folder, f"{APPS}:{site_app}"))
            service = running.enter_context(gate_service(folder, policy))
            read = load_policy(policy) if policy else Policy()
            config = forward_auth_config(
                name, read, f"127.0.0.1:{service.port}", f"127.0.0.1:{site.port}"
            )
            if name == "nginx":
                http = forward_auth_config("nginx-http", read, f"127.0.0.1:{service.port}")
                front = running.enter_context(_nginx(folder, config, http))
            else:
                front = running.enter_context(caddy(folder, config))
            yield Stack(name, front.port, service)


@contextmanager
def site_server(
    folder: Path, application: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run uvicorn with what "module:factory" makes."""
    options = ("--factory", "--lifespan", "off" if "django" in application else "on")
    with python_server(application, folder, environment=environment, options=options) as running:
        yield running


@contextmanager
def _wsgi(
    folder: Path, application: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "tests.gate.adapters.wsgi_server", application]
    path = f"{ROOT / 'src'}:{ROOT}"
    with server(
        [*command, str(port)],
        port=port,
        log=folder / f"wsgi-{port}.log",
        environment={"PYTHONPATH": path, **(environment or {})},
    ) as running:
        yield running


@contextmanager
def gate_service(
    folder: Path,
    policy: Path | None = None,
    *,
    workers: int = 1,
    port: int | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run `shiomi gate serve` in a folder of its own."""
    port = free_port() if port is None else port
    command = [
        *(sys.executable, "-m", "shiomi.cli", "gate", "serve", "--port", str(port)),
        *("--clients", "10000", "--workers", str(workers), "--no-dns", *options),
    ]
    if policy is not None:
        command += ["--policy", str(policy)]
    with server(
        command,
        port=port,
        log=folder / f"gate-{port}.log",
        cwd=folder,
        environment={"PYTHONPATH": str(ROOT / "src"), **(environment or {})},
    ) as running:
        yield running


@contextmanager
def _nginx(folder: Path, lines: str, http: str) -> Iterator[Server]:
    http = f"client_max_body_size 200m;\n{http}"
    with nginx(folder / "nginx", http=http, server_block=lines) as running:
        yield running


@contextmanager
def caddy(folder: Path, lines: str) -> Iterator[Server]:
    """Run Caddy with these lines in its site's block."""
    port = free_port()
    config = folder / f"Caddyfile-{port}"
    config.write_text(
        f"{{\n    admin off\n    auto_https off\n}}\nhttp://:{port} {{\n    bind 127.0.0.1\n"
        f"{lines}}}\n",
        encoding="utf-8",
    )
    command = [needs("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)]
    with server(
        command,
        port=port,
        log=folder / f"caddy-{port}.log",
        environment={"HOME": str(folder), "XDG_DATA_HOME": str(folder)},
    ) as running:
        yield running


_FRAMEWORKS = {
    "starlette": "starlette_app",
    "fastapi": "fastapi_app",
    "django-asgi": "django_asgi",
    "flask": "flask_app",
    "django-wsgi": "django_wsgi",
}
_BARE = {"asgi": "reached_asgi", "wsgi": "reached_wsgi"}
_WSGI = ("flask", "django-wsgi", "wsgi")
_FRONTS = ("nginx", "caddy")
STACKS = (*_FRAMEWORKS, *_FRONTS)
BARE = (*_BARE, *_FRONTS)
