"""The loop of docs/lejepa/index.md, run as a reader would copy it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.lejepa.image_folders import image_folder

PAGE = Path(__file__).parents[2] / "docs" / "lejepa" / "index.md"


@pytest.mark.slow
def test_the_loop_of_the_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(tmp_path / "photos", per_class=8)
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["step"] == 19
    assert names["loss"].total.isfinite()
