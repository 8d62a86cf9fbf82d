"""Programs that do no harm reach the site; AI crawlers do not, at the same paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.policy import parse_policy, preset_text
from shiomi.gate.state.memory import MemoryState
from tests.gate.clients_of import NOW, sent
from tests.gate.honest import AI, HONEST, Program
from tests.gate.servers import ROOT, needs, server
from tests.loopback import free_port


def answer(program: Program, agent: str) -> Decision:
    policy = parse_policy(preset_text(program.preset) if program.preset else "")
    request = sent(program.path, agent, *program.headers, peer=program.peer, method=program.method)
    return decide(request, PreparedPolicy(policy), MemoryState(clients=100), NOW)


@pytest.mark.slow
@pytest.mark.parametrize(
    "program", HONEST, ids=[f"{number}-{one.name}" for number, one in enumerate(HONEST)]
)
def test_an_honest_program_reaches_the_site_and_an_ai_crawler_does_not(program: Program) -> None:
    assert answer(program, program.agent).verdict is Verdict.ALLOW
    if not program.path.startswith("/.well-known/"):
        assert {answer(program, agent).verdict for agent in AI} == {Verdict.DENY}


_SITE = """
import subprocess, os
from wsgiref.simple_server import make_server
from shiomi.gate.wsgi import GateMiddleware

def site(environ, start_response):
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH")
    given = {name: environ.get(name, "") for name in names}
    given |= {"GIT_PROJECT_ROOT": os.getcwd(), "GIT_HTTP_EXPORT_ALL": "1"}
    given |= {"PATH": os.environ["PATH"]}
    given |= {"REMOTE_ADDR": "127.0.0.1", "GIT_PROTOCOL": environ.get("HTTP_GIT_PROTOCOL", "")}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    done = subprocess.run(["git", "http-backend"], input=body, env=given, capture_output=True)
    head, _, body = done.stdout.partition(b"\\r\\n\\r\\n")
    headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\\r\\n")]
    status = dict(headers).get("Status", "200 OK")
    start_response(status, [one for one in headers if one[0] != "Status"])
    return [body]

make_server("127.0.0.1", {port}, GateMiddleware(site, dns=False)).serve_forever()
"""


@pytest.mark.process
def test_git_clones_through_the_gate_under_the_default_policy(tmp_path: Path) -> None:
    git = needs("git")
    source = tmp_path / "p.git"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(tmp_path)}
    environment |= {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a"}
    environment |= {"GIT_COMMITTER_EMAIL": "a@b", "GIT_TERMINAL_PROMPT": "0"}

    def run(*words: str) -> None:
        subprocess.run([git, *words], cwd=tmp_path, env=environment, check=True, timeout=60)

    run("init", "-q", "work")
    (tmp_path / "work" / "file").write_text("text", encoding="utf-8")
    run("-C", "work", "add", ".")
    run("-C", "work", "commit", "-qm", "first")
    run("clone", "-q", "--bare", "work", str(source))
    port = free_port()
    script = tmp_path / "site.py"
    script.write_text(_SITE.replace("{port}", str(port)), encoding="utf-8")
    path = {"PYTHONPATH": str(ROOT / "src"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with server(
        [sys.executable, str(script)],
        port=port,
        log=tmp_path / "log",
        cwd=tmp_path,
        environment={**environment, **path},
    ):
        run("clone", "-q", f"http://127.0.0.1:{port}/p.git", "copy")
    assert (tmp_path / "copy" / "file").read_text(encoding="utf-8") == "text"
    shutil.rmtree(tmp_path / "copy")
