"""A fresh site behind the gate for each test, and what it served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gate.servers import python_server


@dataclass(frozen=True)
class Site:
    """The running site."""

    url: str
    log: Path

    def served(self) -> list[dict[str, Any]]:
        """The site's own answers so far, oldest first."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def pages(self) -> list[dict[str, Any]]:
        """The protected pages among them."""
        return [one for one in self.served() if one["path"] == "/" or "/page/" in one["path"]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of 20 pages under the default policy."""
    log = tmp_path / "site.jsonl"
    with python_server(
        "tests.gate.clients.site:app", tmp_path, environment={"SITE_LOG": str(log)}
    ) as running:
        yield Site(f"http://127.0.0.1:{running.port}", log)
