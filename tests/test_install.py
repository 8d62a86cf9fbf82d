from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shiomi.extras import extra_of, needs_extra

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# The name is on no index, so anybody could register it.
FROM_AN_INDEX = re.compile(r"pip install[^\n]*?\s['\"]?shiomi\b")
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".html", ".j2", ".sh", ""}


def test_no_text_tells_people_to_install_shiomi_from_an_index() -> None:
    folders = ("src", "docs", "tests", "tools", "benchmarks", "examples", ".github", ".ci", ".")
    paths = [p for name in folders for p in (ROOT / name).glob("*" if name == "." else "**/*")]
    telling = [
        str(path.relative_to(ROOT))
        for path in paths
        if path.suffix in TEXT
        and path.is_file()
        and path != Path(__file__)
        and FROM_AN_INDEX.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert telling == []


def test_the_page_has_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == set(EXTRAS)


def test_every_extra_of_a_module_exists() -> None:
    assert extra_of("torch.nn") == "lejepa"
    assert extra_of("shiomi") is None
    for module in ("re2", "uvicorn", "redis", "scipy", "pyarrow", "PIL"):
        assert extra_of(module) in EXTRAS


def test_a_missing_extra_is_named_with_the_page() -> None:
    message = needs_extra("reverse DNS", "dnspython", "gate")
    assert message == "reverse DNS needs dnspython from the extra 'gate': see docs/install.md"


@pytest.mark.process
@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("lejepa pretrain images --out run", "torch"),
        ("lejepa select run", "torch"),
        ("lejepa report run", "torch"),
        ("lejepa knn run images", "torch"),
        ("lejepa embed run images --out x.parquet", "torch"),
    ],
)
def test_a_command_without_its_extra_ends_in_one_line(
    tmp_path: Path, command: str, missing: str
) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = {command.split()!r}\n"
        "from shiomi.cli import main; main()"
    )
    for name in ("images", "run"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"needs {missing} from the extra 'lejepa': see docs/install.md" in done.stderr
