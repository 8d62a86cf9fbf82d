"""Every command and every configuration in docs/operate does what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from shiomi.gate.metrics import Metrics, prometheus_text
from shiomi.service.probes import Snapshot, metrics_text
from tests.gate.servers import needs
from tests.loopback import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PAGES = [  # test_postgresql_docs.py has the other
    page
    for page in sorted((ROOT / "docs" / "operate").glob("*.md"))
    if page.name != "postgresql.md"
]
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
# Commands that need root, a package archive or a container engine.
ELSEWHERE = {
    "make deb": "deploy/deb/try.sh installs its result",
    "apt install": "deploy/deb/try.sh, with dpkg",
    "sh deploy/install.sh": "deploy/deb/try.sh",
    "runuser": "deploy/deb/try.sh",
    "podman": "no container engine runs here",
    "journalctl": "needs systemd",
    "shiomi run": "asks live communities; tests/service/test_run.py runs it",
}


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if found == kind:
                yield page.name, text


def commands() -> list[tuple[str, str]]:
    return [
        (page, line[2:])
        for page, text in blocks("console")
        for line in text.splitlines()
        if line.startswith(("$ ", "# "))
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `shiomi` on the path, and the demo's archive under its default name."""
    made = tmp_path_factory.mktemp("operate")
    (made / "bin").mkdir()
    script = made / "bin" / "shiomi"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m shiomi.cli "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    _run("shiomi demo --out first", made)
    shutil.copy(made / "first" / "shiomi.sqlite3", made)
    _run("shiomi init --contact you@example.org", made)
    return made


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{folder / 'bin'}:{folder.parent / 'bin'}:{os.environ['PATH']}"}


def _run(command: str, folder: Path, *, status: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=_environment(folder),
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode in status, done.stderr
    return done.stdout


def test_each_command_of_the_pages_works(folder: Path) -> None:
    (folder / "backup").mkdir(exist_ok=True)
    done = []
    for _, command in commands():
        if any(command.startswith(start) for start in ELSEWHERE):
            continue
        done.append(command)
        command = command.replace("/backup/", f"{folder}/backup/")
        if command.endswith(" serve"):
            _serves(command, folder)
        elif command.startswith("shiomi init"):
            (folder / "new").mkdir(exist_ok=True)
            _run(command, folder / "new")
        elif command == "shiomi status":  # the demo's feeds are older than stale_hours
            assert "threads" in _run(command, folder, status=(0, 4))
        else:
            _run(command, folder)
    assert len(done) >= 8


def _serves(command: str, folder: Path) -> None:
    port = free_port()
    words = [*shlex.split(command), "--port", str(port), "--no-dns"]
    with subprocess.Popen(words, cwd=folder, env=_environment(folder)) as process:
        try:
            for _ in range(1200):
                try:
                    feed = httpx2.get(f"http://127.0.0.1:{port}/atom.xml")
                    break
                except httpx2.TransportError:
                    time.sleep(0.1)
            assert feed.text.count("<entry>") == 2
        finally:
            process.terminate()


@pytest.mark.parametrize("start", ELSEWHERE)
def test_the_list_of_other_commands_is_current(start: str) -> None:
    assert any(command.startswith(start) for _, command in commands())


def test_nginx_and_caddy_accept_their_configurations(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    ((_, text),) = blocks("nginx")
    version = subprocess.run([needs("nginx"), "-v"], capture_output=True, text=True, check=True)
    if tuple(map(int, re.findall(r"\d+", version.stderr)[:3])) < (1, 25, 1):
        text = text.replace("    http2 on;\n", "").replace("443 ssl", "443 ssl http2")
    text = re.sub(r"/etc\S+fullchain.pem", str(certificate), text)
    text = re.sub(r"/etc\S+privkey.pem", str(key), text)
    site = tmp_path / "nginx.conf"
    site.write_text(f"pid {tmp_path}/pid; error_log {tmp_path}/log;\nevents {{}}\n"
                    f"http {{ access_log off;\n{text}}}\n", encoding="utf-8")  # fmt: skip
    subprocess.run([needs("nginx"), "-t", "-q", "-c", str(site)], check=True)
    ((_, caddy),) = blocks("caddyfile")
    (tmp_path / "Caddyfile").write_text(caddy, encoding="utf-8")
    command = [needs("caddy"), "adapt", "--validate", "--config", str(tmp_path / "Caddyfile")]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist() -> None:
    text = metrics_text(Snapshot()) + prometheus_text([Metrics().snapshot()], entries=(0, 0))
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    folder = ROOT / "deploy" / "monitoring"
    dashboard = json.loads((folder / "grafana.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = (folder / "alerts.yml").read_text(encoding="utf-8")
    asked += re.findall(r"expr: (.*)", alerts)
    used = set(re.findall(r"\bshiomi_\w+", "\n".join(asked)))
    assert used
    assert used <= known
    page = (ROOT / "docs" / "operate" / "monitor.md").read_text(encoding="utf-8")
    assert re.findall(r"- alert: (\w+)", alerts) == re.findall(
        r"^\| `(Shiomi\w+)`", page, re.MULTILINE
    )
