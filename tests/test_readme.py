"""The READMEs say what the commands do; here the commands are run and held against them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.cli.gate import gate
from shiomi.cli.lejepa import lejepa
from shiomi.cli.rig import rig
from shiomi.digest.config import parse_config

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ja.md"]
DOCUMENTS = [
    *READMES,
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
]


def block(readme: str, command: str) -> str:
    """What a README says `command` prints."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    found = re.search(rf"^```\n\$ {re.escape(command)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{readme} shows no output of `{command}`"
    return found[1]


def without_times(text: str) -> str:
    return re.sub(r"\d+(\.\d+)? s\b", "N s", text)


@pytest.mark.process
def test_the_demo_prints_what_the_readmes_show(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    command = [".venv/bin/shiomi", "demo", "--out", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    hint = shlex.split(done.stdout.splitlines()[-1])
    found = subprocess.run(hint, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Apple" in found.stdout
    for readme in READMES:
        assert without_times(block(readme, "make demo")) == without_times(done.stdout)
    written = (tmp_path / "demo" / "2020-12-13.md").read_text(encoding="utf-8")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```markdown\n(.*?)```", text, re.DOTALL)
    assert shown
    for line in filter(None, shown[1].splitlines()):
        assert line == "…" or line.removesuffix("…") in written


@pytest.mark.parametrize("readme", READMES)
def test_every_command_named_in_a_readme_exists(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    named = set(re.findall(r"\bshiomi ([a-z]+)\b(?! is|\.)", text))
    assert named - set(shiomi.commands) <= {"shiomi"}
    for part in (rig, gate, lejepa):
        assert set(re.findall(rf"\bshiomi {part.name} ([a-z]+)", text)) <= set(part.commands)
    assert set(re.findall(r"make ([a-z]+)", text)) <= {"check", "demo", "lejepa", "test"}


@pytest.mark.parametrize("readme", READMES)
def test_every_configuration_shown_is_one(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    for shown in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        parse_config(shown)


@pytest.mark.parametrize(
    "document",
    [
        *READMES,
        "CONTRIBUTING.md",
        *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_every_link_within_the_repository_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for link in re.findall(
        r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    ):
        assert ((ROOT / document).parent / link).exists(), link


@pytest.mark.process
def test_the_commands_of_the_readme_run_where_no_community_is_reachable(tmp_path: Path) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shiomi.cli", *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("init").returncode == Exit.DONE
    nobody = 'endpoint = "http://127.0.0.1:9"\n'  # the discard port: nothing listens
    config = tmp_path / "shiomi.toml"
    text = config.read_text(encoding="utf-8")
    text = re.sub(r"(\[sources\.lobsters\]\n)", rf"\1{nobody}", text)
    others = r"(\[sources\.(?:hackernews|reddit|arxiv|articles)\]\nenabled = )true"
    text = re.sub(others, r"\1false", text)
    config.write_text(text, encoding="utf-8")
    collected = run("collect")
    assert collected.returncode == Exit.FAILED
    assert "failed: lobsters" in collected.stderr
    written = run("digest")
    assert written.returncode == Exit.FAILED
    assert "shiomi collect" in written.stderr
