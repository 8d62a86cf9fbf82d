"""The objective needs only torch, and the recipes of `benchmarks/lejepa` use existing options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shiomi.cli.lejepa import lejepa

pytestmark = pytest.mark.process

RECIPES = sorted((Path(__file__).parents[2] / "benchmarks" / "lejepa").glob("[ci]*.sh"))


def test_importing_it_imports_no_library_but_torch_s_own() -> None:
    """Facts, bug 5: the official package needs scipy and does not say so."""
    code = """
import sys
import shiomi.lejepa.errors
assert "torch" not in sys.modules
import torch
before = set(sys.modules)
import shiomi.lejepa.loss, shiomi.lejepa.statistics
new = {name.partition(".")[0] for name in set(sys.modules) - before}
strangers = new & {"scipy", "timm", "torchvision", "pyarrow", "PIL", "onnx", "lightly", "pandas"}
assert not strangers, strangers
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_there_are_recipes() -> None:
    assert len(RECIPES) == 4


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_bash_and_its_options_exist(recipe: Path) -> None:
    """Facts, bug 6: every launch script of the official repository calls a file it lacks."""
    subprocess.run(["bash", "-n", recipe], check=True)
    text = recipe.read_text().replace("\\\n", " ")
    found = re.findall(r"(?:shiomi|shiomi\.cli) lejepa (\w+|\"\$\w+\") (.*)", text)
    assert found
    for command, rest in found:
        words = shlex.split(re.sub(r"\$\{[^}]*\}", "X", rest))
        options = {word for word in words if word.startswith("--")}
        if command.startswith('"'):  # for judge in knn probe
            names = re.search(r"for judge in ([\w ]+);", text)
            assert names
            commands = names[1].split()
        else:
            commands = [command]
        for name in commands:
            known = lejepa.commands[name].params
            assert options <= {option for parameter in known for option in parameter.opts}
