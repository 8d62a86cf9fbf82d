"""`shiomi gate compile` as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shiomi.cli import shiomi
from shiomi.gate.errors import CompileError, PolicyError

LINE = '192.0.2.{} - - [25/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "{}"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(shiomi, ["gate", "compile", *words])


@pytest.mark.slow
def test_it_writes_the_files_and_says_how_to_use_them_and_what_they_cannot_say() -> None:
    told = run("nginx", "--challenge-as", "budget")
    assert told.exit_code == 0, told.output
    assert "http.conf" in told.output
    assert "include" in told.output
    assert "trap:" in told.stderr
    assert "# - trap:" in Path("gate-nginx/server.conf").read_text(encoding="utf-8")
    assert not list(Path("gate-nginx").glob("*.part"))


@pytest.mark.slow
def test_programs_get_the_same_as_one_json_document() -> None:
    told = run("haproxy", "--challenge-as", "deny", "--json", "-o", "out")
    document = json.loads(told.stdout)
    assert document["server"] == "haproxy"
    assert "frontend.cfg" in document["files"]
    assert "network-budget" in {gap["name"] for gap in document["cannot"]}
    assert told.stderr == ""


def test_a_policy_that_challenges_needs_a_word_on_what_becomes_of_it() -> None:
    told = run("caddy")
    assert isinstance(told.exception, CompileError)
    assert "--challenge-as budget" in str(told.exception)
    assert not Path("gate-caddy").exists()


@pytest.mark.slow
def test_a_log_says_which_agents_are_looked_up_first() -> None:
    agents = ["Mozilla/5.0 (X11) Often/1.0"] * 3 + ["-", "R\u00e4re/1.0"]
    text = "".join(LINE.format(number, agent) for number, agent in enumerate(agents))
    Path("access.log").write_text(text, encoding="utf-8")
    told = run("nginx", "--challenge-as", "budget", "--frequent", "access.log")
    assert told.exit_code == 0, told.output
    http = Path("gate-nginx/http.conf").read_text(encoding="utf-8")
    assert '"Mozilla/5.0 (X11) Often/1.0" c' in http
    assert "R\u00e4re" not in http


def test_the_policy_at_hand_is_taken_and_its_faults_are_said() -> None:
    Path("gate.toml").write_text("[purpos]\n", encoding="utf-8")
    told = run("nginx", "--challenge-as", "budget")
    assert isinstance(told.exception, PolicyError)
    assert not Path("gate-nginx").exists()
