"""The pages for Python and for forward auth do what they say, with real servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.gate.adapters.stacks import APPS, caddy, gate_service, site_server
from tests.gate.http_client import Visitor
from tests.gate.servers import ROOT, Server, needs, python_server, server
from tests.gate.web_servers import nginx
from tests.loopback import free_port

pytestmark = pytest.mark.process

FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [block for found, block in FENCE.findall(text) if found == kind]


def console(page: str) -> Iterator[tuple[str, str]]:
    """Every command of a page, and what it is said to print."""
    for block in blocks(page, "console"):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def run(command: str, folder: Path) -> str:
    """What a command of the page prints, `shiomi` being the one of this checkout."""
    ours = f"{sys.executable} -m shiomi.cli "
    done = subprocess.run(
        re.sub(r"^shiomi ", ours, command),
        shell=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def look(page: str, folder: Path, ports: dict[str, int]) -> None:
    """Run the page's curl commands against our ports, and compare what they print."""
    needs("curl")
    tried = 0
    for command, output in console(page):
        if command.startswith("curl"):
            for written, port in ports.items():
                command = command.replace(f"http://{written}/", f"http://127.0.0.1:{port}/")
            assert run(command, folder) == output
            tried += 1
    assert tried == 3


@contextmanager
def python_site(name: str, folder: Path) -> Iterator[Server]:
    """The page's application, under the server its readers would take."""
    for block in blocks("gate/python.md", "python"):
        file = re.match(r"# (\w+\.py)\n", block)
        assert file is not None
        (folder / file[1]).write_text(block, encoding="utf-8")
    if name == "flask_site":
        port = free_port()
        command = [sys.executable, "-m", "flask", "--app", name, "run", "--port", str(port)]
        with server(
            command,
            port=port,
            log=folder / "flask.log",
            cwd=folder,
            environment={"PYTHONPATH": str(ROOT / "src")},
        ) as running:
            yield running
        return
    factory = "application" if name == "django_site" else "app"
    if name == "django_site":
        urls = "from django.http import HttpResponse\nfrom django.urls import path\n"
        urls += "page = '<html><body>Hello</body></html>'\n"
        urls += "urlpatterns = [path('', lambda request: HttpResponse(page))]\n"
        settings = "SECRET_KEY = 'x'\nALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'urls'\n"
        (folder / "urls.py").write_text(urls, encoding="utf-8")
        (folder / "settings.py").write_text(settings, encoding="utf-8")
    with python_server(
        f"{name}:{factory}",
        folder,
        workers=2 if name == "asgi_site" else 1,
        environment={"DJANGO_SETTINGS_MODULE": "settings"},
    ) as running:
        yield running


@pytest.mark.parametrize("name", ["fastapi_site", "django_site", "flask_site", "asgi_site"])
def test_the_page_for_python_protects_a_site(name: str, tmp_path: Path) -> None:
    for command, _ in console("gate/python.md"):
        if command.startswith("shiomi"):
            run(command, tmp_path)
    with python_site(name, tmp_path) as running:
        look("gate/python.md", tmp_path, {"127.0.0.1:8000": running.port})
        visitor = Visitor(running.port)
        answer = visitor.visit("/")
        assert (answer.status, "Hello" in answer.text) == (200, True)
        assert visitor.get("/").status == 200


@pytest.mark.parametrize("front", ["nginx", "caddy"])
def test_the_page_for_forward_auth_protects_a_site(front: str, tmp_path: Path) -> None:
    needs(front)
    with ExitStack() as stack:
        site = stack.enter_context(site_server(tmp_path, f"{APPS}:plain_app"))
        service = stack.enter_context(gate_service(tmp_path))
        for command, _ in console("gate/forward-auth.md"):
            if "--print-config" in command:
                ours = command.replace("serve", f"serve --port {service.port}")
                run(ours.replace(":8000", f":{site.port}"), tmp_path)
        assert (tmp_path / "gate.yml").read_text().startswith("# The gate in front of a site")
        if front == "nginx":
            (block,) = blocks("gate/forward-auth.md", "nginx")
            lines = block.replace("listen 80;", "").partition("{")[2].rpartition("}")[0]
            lines = lines.replace("gate.conf", str(tmp_path / "gate.conf"))
            http = (tmp_path / "gate-http.conf").read_text(encoding="utf-8")
            running = stack.enter_context(nginx(tmp_path / "nginx", http=http, server_block=lines))
        else:
            (block,) = blocks("gate/forward-auth.md", "caddyfile")
            lines = block.partition("{")[2].rpartition("}")[0]
            lines = lines.replace("gate.caddy", str(tmp_path / "gate.caddy"))
            running = stack.enter_context(caddy(tmp_path, lines))
        ports = {"localhost": running.port, "127.0.0.1:9292": service.port}
        look("gate/forward-auth.md", tmp_path, ports)
        answer = Visitor(running.port).visit("/")
        assert (answer.status, "own page" in answer.text) == (200, True)
