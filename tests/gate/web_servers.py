"""Web servers from the system's packages, before an origin that says it was reached.

Each runs in the foreground from a folder of its own, as whoever runs the tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.gate.servers import Server, needs, server
from tests.loopback import free_port

__all__ = ["apache", "apache_modules", "caddy", "haproxy", "nginx", "origin", "write_files"]

_NGINX = """daemon off; {user} worker_processes 1; pcre_jit {jit};
pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 1000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""
_ORIGIN = 'location / { add_header X-Origin reached always; return 200 "the page\\n"; }'


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder that is made for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def nginx_config(folder: Path, port: int, *, http: str, server: str, jit: bool = True) -> Path:
    """Write a whole configuration around what stands in its http and server blocks."""
    user = "user root;" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(
        _NGINX.format(
            folder=folder,
            port=port,
            user=user,
            http=http,
            server=server,
            jit="on" if jit else "off",
        ),
        encoding="utf-8",
    )
    return path


@contextmanager
def nginx(
    folder: Path, *, http: str = "", server_block: str = _ORIGIN, jit: bool = True
) -> Iterator[Server]:
    """Run nginx."""
    program, port = needs("nginx"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    path = nginx_config(folder, port, http=http, server=server_block, jit=jit)
    command: list[str | Path] = [program, "-p", folder, "-c", path]
    with server(command, port=port, log=folder / "nginx.log") as running:
        yield running


def origin(folder: Path) -> AbstractContextManager[Server]:
    """Run a site that answers every path with 200 and `X-Origin: reached`."""
    return nginx(folder / "origin")


@contextmanager
def haproxy(folder: Path, *, site: str, compiled: Path) -> Iterator[Server]:
    """Run HAProxy with the compiled files before the site at `site` (HOST:PORT)."""
    program, port = needs("haproxy"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    rules = (compiled / "frontend.cfg").read_text(encoding="utf-8")
    text = (
        "global\n    maxconn 500\n"
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n"
        f"    timeout server 30s\nfrontend web\n    bind 127.0.0.1:{port}\n"
        + "".join(f"    {line}\n" for line in rules.splitlines())
        + f"    default_backend site\nbackend site\n    server one {site}\n"
    )
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    files = ("-f", folder / "haproxy.cfg", "-f", compiled / "tables.cfg")
    command: list[str | Path] = [program, "-db", *files]
    with server(command, port=port, log=folder / "haproxy.log") as running:
        yield running


@contextmanager
def caddy(folder: Path, *, site: str, compiled: Path) -> Iterator[Server]:
    """Run Caddy with the compiled snippet before the site at `site` (HOST:PORT)."""
    program, port = needs("caddy"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Caddyfile").write_text(
        "{\n    admin off\n    auto_https off\n}\n"
        f"import {compiled}/gate.caddy\n"
        f"http://127.0.0.1:{port}, http://localhost:{port} {{\n"
        f"    import gate\n    reverse_proxy {site}\n}}\n",
        encoding="utf-8",
    )
    file = ("--adapter", "caddyfile", "--config", folder / "Caddyfile")
    command: list[str | Path] = [program, "run", *file]
    homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "caddy.log"
    with server(command, port=port, log=log, environment=homes) as running:
        yield running


_APACHE = """ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Mutex file:{folder}
ServerName localhost
TypesConfig /etc/mime.types
Listen 127.0.0.1:{port}
"""
_MODULES = "mpm_event authz_core rewrite remoteip headers mime proxy proxy_http"


def apache_modules(folder: Path, port: int) -> str:
    """What Debian's own files would say before a `<VirtualHost>`."""
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in _MODULES.split()
    )
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    return _APACHE.format(folder=folder, port=port) + modules + user


@contextmanager
def apache(folder: Path, *, site: str, compiled: Path) -> Iterator[Server]:
    """Run Apache httpd with the compiled file before the site at `site` (HOST:PORT)."""
    program, port = needs("apache2"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    host = (
        f"MaxKeepAliveRequests 0\n<VirtualHost 127.0.0.1:{port}>\n"
        f"    Include {compiled}/gate.conf\n    ProxyPass / http://{site}/ nocanon\n"
        "</VirtualHost>\n"
    )
    (folder / "apache.conf").write_text(apache_modules(folder, port) + host, encoding="utf-8")
    command: list[str | Path] = [program, "-DFOREGROUND", "-f", folder / "apache.conf"]
    with server(command, port=port, log=folder / "apache.log") as running:
        yield running
