"""What an operator installs: the units are hardened, the script is valid, the options exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli.serve import serve

pytestmark = pytest.mark.process

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_exposed_at_most_2_5(unit: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", output)
    assert level, output
    assert float(level[1]) <= 2.5


def test_the_options_of_the_service_are_options_of_the_command() -> None:
    script = (DEPLOY / "install.sh").read_text(encoding="utf-8")
    options = re.findall(r"--[a-z-]+", re.findall(r'SERVE_OPTIONS="([^"]*)"', script)[0])
    help_text = CliRunner().invoke(serve, ["--help"]).output
    assert options == ["--workers", "--proxy", "--metrics"]
    assert all(option in help_text for option in options)


def test_the_script_names_what_it_needs() -> None:
    script = DEPLOY / "install.sh"
    subprocess.run(["sh", "-n", str(script)], check=True)
    output = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    assert output.returncode != 0
    assert "usage: install.sh WHEEL" in output.stderr
