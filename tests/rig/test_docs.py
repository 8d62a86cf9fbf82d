"""docs/rig/index.md shows what the commands print; here they are run and held against it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.rig.buy.catalog import load_catalog
from shiomi.rig.machine.detect import machine_of, parse_dump
from shiomi.rig.machine.file import parse_machine
from shiomi.rig.model.known_models import read_model_file
from shiomi.rig.report.fit_report import machine_text

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "rig"
TEXT = (DOCS / "index.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```\n\$ (shiomi rig [^\n]+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def fenced(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "shown"), [x for x in SHOWN if "detect" not in x[0]], ids=lambda x: x[:30]
)
def test_a_command_prints_what_the_page_shows(
    command: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(DOCS)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    done = CliRunner().invoke(shiomi, shlex.split(command)[1:])
    assert done.stdout.splitlines() == shown.splitlines()


def test_detect_prints_what_the_page_shows_of_that_machine() -> None:
    dump = json.loads((ROOT / "tests/data/rig/machines/two-rtx-3090.json").read_text("utf-8"))
    shown = next(x for command, x in SHOWN if command == "shiomi rig detect")
    assert machine_text(machine_of(parse_dump(dump))) == shown


@pytest.mark.slow
@pytest.mark.parametrize("page", ["memory", "plan", "speed"])
def test_the_python_of_a_page_runs(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert code
    for block in code:
        if "HttpEndpoint" not in block:  # it needs a model server
            exec(block, {})


def test_every_command_named_on_the_page_exists() -> None:
    named = set(re.findall(r"shiomi rig ([a-z]+)", TEXT))
    group = shiomi.commands["rig"]
    assert named == set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_model_the_machine_and_the_part_of_the_page_are_read(tmp_path: Path) -> None:
    for text in fenced("toml"):
        assert tomllib.loads(text)
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        assert read_model_file(tmp_path / "mine.toml").name == "Qwen3-8B"
    for text in fenced("json"):
        assert len(parse_machine(json.loads(text), name="mine").gpus) == 2
    part = next(x for x in fenced("") if x.startswith("id,name"))
    (tmp_path / "psu.csv").write_text(part, encoding="utf-8")
    assert load_catalog(tmp_path).find("My 850 W supply").id == "mine-1"
