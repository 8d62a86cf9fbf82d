"""The pages for web servers, followed in copies of what Debian installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.native import compile_policy
from shiomi.gate.policy import Action, Policy
from tests.gate.adapters.stacks import gate_service
from tests.gate.http_client import BROWSER, Visitor, fetch
from tests.gate.servers import needs, server
from tests.gate.web_servers import origin, write_files
from tests.loopback import free_port

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    with origin(folder) as running:
        yield f"127.0.0.1:{running.port}"


def copied(source: str, folder: Path) -> Path:
    """A copy of a package's configuration."""
    if not Path(source).is_dir():
        pytest.skip(f"{source} is not installed")
    return Path(shutil.copytree(source, folder / "etc", symlinks=True))


def compiled(name: str, folder: Path) -> Path:
    made = compile_policy(name, Policy(), folder=str(folder / "gate"), challenge=Action.BUDGET)
    return write_files(folder / "gate", made.files)


def keeps_out(port: int) -> None:
    assert fetch(port, "/", agent="gptbot/1.2").status == 403
    assert fetch(port, "/", agent=BROWSER).status == 200
    assert "User-agent: GPTBot" in fetch(port, "/robots.txt", agent="gptbot/1.2").text


def test_apache_as_debian_installs_it(folder: Path, site: str) -> None:
    apache, port, etc = needs("apache2"), free_port(), copied("/etc/apache2", folder)
    gate = compiled("apache", folder)
    given = {
        "APACHE_CONFDIR": str(etc),
        "APACHE_RUN_DIR": str(folder),
        "APACHE_LOG_DIR": str(folder),
    }
    given |= {"APACHE_LOCK_DIR": str(folder), "APACHE_PID_FILE": str(folder / "pid")}
    given |= {"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data"}
    modules = ("rewrite", "remoteip", "headers", "proxy", "proxy_http")
    subprocess.run(
        [needs("a2enmod"), "-q", *modules], env={**os.environ, **given}, check=True, timeout=60
    )
    (etc / "ports.conf").write_text(f"Listen 127.0.0.1:{port}\nServerName localhost\n")
    for enabled in (etc / "conf-enabled").iterdir():
        if enabled.name in ("mediawiki.conf", "cgit.conf"):
            enabled.unlink()
    default = etc / "sites-available" / "000-default.conf"
    ours = f"Include {gate}/gate.conf\nProxyPass / http://{site}/\n</VirtualHost>"
    default.write_text(
        default.read_text().replace("*:80", f"*:{port}").replace("</VirtualHost>", ours)
    )
    command: list[str | Path] = [apache, "-DFOREGROUND", "-d", etc, "-f", etc / "apache2.conf"]
    with server(command, port=port, log=folder / "log", environment=given):
        keeps_out(port)


def test_haproxy_as_debian_installs_it(folder: Path, site: str) -> None:
    haproxy, port, etc = needs("haproxy"), free_port(), copied("/etc/haproxy", folder)
    gate = compiled("haproxy", folder)
    text = (etc / "haproxy.cfg").read_text()
    for line in ("chroot", "user", "group", "daemon", "stats", "log"):
        text = "\n".join(one for one in text.splitlines() if one.split()[:1] != [line])
    rules = "".join(f"    {one}\n" for one in (gate / "frontend.cfg").read_text().splitlines())
    text += (
        f"\nfrontend web\n    bind 127.0.0.1:{port}\n{rules}    default_backend site\n"
        f"backend site\n    server one {site}\n"
    )
    (etc / "haproxy.cfg").write_text(text)
    command: list[str | Path] = [
        haproxy,
        "-db",
        "-f",
        etc / "haproxy.cfg",
        "-f",
        gate / "tables.cfg",
    ]
    with server(command, port=port, log=folder / "log"):
        keeps_out(port)


def test_caddy_as_debian_installs_it(folder: Path, site: str) -> None:
    caddy, port, etc = needs("caddy"), free_port(), copied("/etc/caddy", folder)
    gate = compiled("caddy", folder)
    text = (etc / "Caddyfile").read_text().replace(":80 {", f":{port} {{\n\timport gate")
    text = text.replace("file_server", f"reverse_proxy {site}")
    options = "{\n\tadmin off\n}\n"
    (etc / "Caddyfile").write_text(f"{options}import {gate}/gate.caddy\n{text}")
    homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command: list[str | Path] = [caddy, "run", "--config", etc / "Caddyfile"]
    command += ["--adapter", "caddyfile"]
    with server(command, port=port, log=folder / "log", environment=homes):
        keeps_out(port)


def test_nginx_with_the_service_as_debian_installs_it(folder: Path) -> None:
    """The stock site of Debian, with one `include` more."""
    nginx, port, etc = needs("nginx"), free_port(), copied("/etc/nginx", folder)
    (folder / "html").mkdir()
    (folder / "html" / "index.html").write_text("<!doctype html><p>the page")
    with gate_service(folder) as service:
        gate, policy = f"127.0.0.1:{service.port}", Policy()
        (etc / "conf.d" / "gate.conf").write_text(forward_auth_config("nginx-http", policy, gate))
        snippet = etc / "snippets" / "shiomi-gate.conf"
        snippet.write_text(forward_auth_config("nginx", policy, gate))
        for other in (etc / "sites-enabled").iterdir():
            if other.name != "default":
                other.unlink()
        default = etc / "sites-available" / "default"
        text = default.read_text().replace("[::]:80 ", f"[::1]:{port} ")
        text = text.replace("listen 80 ", f"listen 127.0.0.1:{port} ")
        text = text.replace("root /var/www/html;", f"root {folder}/html;\n\tinclude {snippet};")
        default.write_text(text)
        shutil.rmtree(etc / "modules-enabled")  # of other packages
        enabled = etc / "sites-enabled" / "default"
        enabled.unlink(missing_ok=True)
        enabled.symlink_to(default)
        main = etc / "nginx.conf"
        text = (
            main.read_text().replace("/etc/nginx/", f"{etc}/").replace("/run/nginx", f"{folder}/n")
        )
        main.write_text(text.replace("/var/log/nginx", str(folder)))
        command: list[str | Path] = [nginx, "-p", etc, "-c", main, "-g", "daemon off;"]
        with server(command, port=port, log=folder / "log"):
            assert fetch(port, "/", agent="gptbot/1.2").status == 403
            assert "the page" in Visitor(port).visit("/").text
