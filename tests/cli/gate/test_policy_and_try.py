"""`shiomi gate policy` and `shiomi gate try`, as a user runs them in an empty folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.gate.errors import GateError

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> Result:
        return CliRunner().invoke(shiomi, ["gate", *args])

    return call


def test_a_policy_is_written_once_and_is_good(run: Run, tmp_path: Path) -> None:
    assert "wrote gate.toml" in run("policy").stdout
    checked = run("policy", "--check")
    assert checked.exit_code == Exit.DONE
    assert "ai-training    deny" in checked.stdout
    (tmp_path / "gate.toml").write_text("contact = 'mine'")
    assert run("policy").exit_code == Exit.FAILED
    assert (tmp_path / "gate.toml").read_text() == "contact = 'mine'"
    assert run("policy", "--force").exit_code == Exit.DONE
    assert "[purpose.ai-training]" in (tmp_path / "gate.toml").read_text()


def test_a_policy_can_be_printed(run: Run, tmp_path: Path) -> None:
    assert run("policy", "-").stdout.startswith("# The policy of the gate")
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_policy_is_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("\n[trp]\n")
    done = run("policy", "--check", "x.toml")
    assert isinstance(done.exception, GateError)
    assert str(done.exception) == "x.toml: line 2: trp: is not a known key; did you mean trap?"
    done = run("policy", "--check", "x.toml", "--json")
    assert done.exit_code == Exit.FAILED
    assert json.loads(done.stdout)["problems"] == [
        "x.toml: line 2: trp: is not a known key; did you mean trap?"
    ]


@pytest.mark.slow
def test_a_preset_opens_the_paths_that_programs_need(run: Run) -> None:
    assert run("policy", "--for", "forgejo", "gate.toml").exit_code == Exit.DONE
    assert run("policy", "--check", "gate.toml").exit_code == Exit.DONE
    assert "allow (path)" in run("try", "/api/v1/repos", "--as", "curl/8.14").stdout
    assert "deny (purpose)" in run("try", "/api/v1/repos", "--as", "gptbot").stdout


def test_a_trial_says_verdict_and_why(run: Run) -> None:
    done = run("try", "/blog/1", "--as", "gptbot")
    assert done.exit_code == Exit.DONE
    assert "GPTBot of OpenAI: ai-training" in done.stdout
    assert "deny (purpose)" in done.stdout


def test_a_trial_uses_the_policy_that_lies_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[[path]]\nmatch = ['/open/*']\naction = 'allow'")
    assert "allow (path)" in run("try", "/open/1", "--as", "gptbot").stdout
    (tmp_path / "other.toml").write_text("[[path]]\nmatch = ['/open/*']\naction = 'deny'")
    assert "deny (path)" in run("try", "/open/1", "--policy", "other.toml").stdout


def test_a_trial_speaks_json(run: Run) -> None:
    told = json.loads(run("try", "/x", "--as", "curl/8", "--header", "Accept: a", "--json").stdout)
    assert (told["verdict"], told["status"], told["client"]) == ("challenge", 403, "curl")
    assert [step["step"] for step in told["steps"]][:3] == ["address", "who", "path"]


def test_a_header_that_is_none_says_so(run: Run) -> None:
    done = run("try", "/x", "--header", "nonsense")
    assert done.exit_code == Exit.USAGE
    assert "must be 'Name: value'" in done.output
