"""The pages "protect my site in five minutes" do what they say, with the real servers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gate.servers import ROOT, needs, server
from tests.gate.web_servers import apache_modules, origin
from tests.loopback import free_port

pytestmark = pytest.mark.process

PLACES = {
    "nginx": "/etc/nginx",
    "apache": "/etc/apache2",
    "caddy": "/etc/caddy",
    "haproxy": "/etc/haproxy",
}
PROGRAMS = {"nginx": "nginx", "apache": "apache2", "caddy": "caddy", "haproxy": "haproxy"}
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, and what they are said to print."""
    for part in block.split("$ ")[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@contextmanager
def started(name: str, config: str, folder: Path, port: int) -> Iterator[list[str]]:
    """Run the server with the page's configuration; yields the command that checks it."""
    program, path = needs(PROGRAMS[name]), folder / "config"
    root = os.geteuid() == 0
    if name == "nginx":
        paths = "".join(
            f" {kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = config.replace("http {", f"http {{ access_log off;{paths}")
        config = config.replace("listen 80", f"listen 127.0.0.1:{port}")
        config = f"pid {folder}/pid; error_log {folder}/error.log;\n{config}"
        command = [program, "-p", str(folder), "-c", str(path)]
        check, run = (
            [*command, "-t"],
            [*command, "-g", f"daemon off;{' user root;' if root else ''}"],
        )
    elif name == "apache":
        config = config.replace("*:80", f"127.0.0.1:{port}")
        config = f"{apache_modules(folder, port)}\n{config}"
        command = [program, "-f", str(path)]
        check, run = [*command, "-t"], [*command, "-DFOREGROUND"]
    elif name == "caddy":
        config = config.replace("http://localhost", f"http://localhost:{port}")
        config = f"{{\n    admin off\n}}\n{config}"
        command = [program, "validate", "--adapter", "caddyfile", "--config", str(path)]
        check, run = command, [program, "run", *command[2:]]
    else:
        rules = (folder / "gate" / "frontend.cfg").read_text(encoding="utf-8")
        config = re.sub(r" *# here all lines of .*\n", lambda _: rules, config)
        config = config.replace("bind :80", f"bind 127.0.0.1:{port}")
        command = [program, "-f", str(path), "-f", str(folder / "gate" / "tables.cfg")]
        check, run = [*command, "-c"], [*command, "-db"]
    path.write_text(config, encoding="utf-8")
    homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    subprocess.run(check, check=True, capture_output=True, timeout=60, env={**os.environ, **homes})
    with server(run, port=port, log=folder / "log", environment=homes):
        yield check


@pytest.mark.parametrize("name", sorted(PLACES))
def test_the_page_of_a_server_protects_a_site(name: str, folder: Path) -> None:
    needs("curl")
    text = (ROOT / "docs" / "gate" / f"{name}.md").read_text(encoding="utf-8")
    text = text.replace(PLACES[name], str(folder))
    blocks = FENCE.findall(text)
    write, config, check, look = (block for _, block in blocks)
    assert [kind for kind, _ in blocks][0::2] == ["console", "console"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    for command, _ in commands(write):
        words = [sys.executable, "-m", "shiomi.cli", *shlex.split(command)[1:]]
        subprocess.run(
            words, check=True, env=environment, cwd=folder, capture_output=True, timeout=60
        )
    port = free_port()
    with origin(folder) as site:
        config = config.replace("127.0.0.1:8000", f"127.0.0.1:{site.port}")
        with started(name, config, folder, port) as checked:
            assert shlex.split(next(commands(check))[0])[0].startswith(
                "apachectl" if name == "apache" else Path(checked[0]).name
            )
            for command, output in commands(look):
                real = command.replace("http://localhost/", f"http://localhost:{port}/")
                shown = subprocess.run(
                    ["sh", "-c", real], check=True, capture_output=True, text=True, timeout=30
                )
                assert shown.stdout == output, (command, shown)
