"""The rest of the program reaches the archive through its methods, never through SQL."""

from __future__ import annotations

import re
from pathlib import Path

import shiomi

_SQL = re.compile(r"\.execute(many|script)?\(|\bimport sqlite3\b|\bimport psycopg\b|\.database\b")


def test_no_sql_stands_outside_the_archive() -> None:
    root = Path(shiomi.__file__).parent
    digest = [path for part in ("digest", "cli", "site", "service") for path in
              (root / part).rglob("*.py")]  # fmt: skip
    outside = [path for path in digest if "archive" not in path.relative_to(root).parts]
    found = {
        str(path.relative_to(root)): line
        for path in outside
        for line in path.read_text(encoding="utf-8").splitlines()
        if _SQL.search(line)
    }
    assert len(outside) > 50
    assert found == {}
