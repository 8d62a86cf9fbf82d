"""docs/lejepa/index.md: its loop is run as a reader would copy it, its commands have options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shiomi.cli.lejepa import lejepa
from tests.lejepa.image_folders import image_folder

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lejepa" / "index.md"
SHOWN = (*(ROOT / "docs/lejepa").glob("*.md"), ROOT / "benchmarks/lejepa/cifar10_small.sh")


@pytest.mark.slow
def test_the_loop_of_the_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(tmp_path / "photos", per_class=8)
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["step"] == 19
    assert names["loss"].total.isfinite()


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_the_options_of_shown_commands_exist(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    for name, rest in re.findall(r"(?:shiomi|shiomi\.cli) lejepa (\w+)([^\n`]*)", text):
        known = {option for parameter in lejepa.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known
