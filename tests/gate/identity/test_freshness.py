"""Old lists are a warning."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path

import pytest

from shiomi.gate.identity.freshness import list_dates, warn_if_stale


def test_every_list_of_the_package_says_when_it_was_made() -> None:
    dates = list_dates()
    assert {"user_agents", "googlebot", "openai"} <= set(dates)


def test_lists_older_than_60_days_are_a_warning_that_newer_ones_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest = max(list_dates().values())
    with caplog.at_level(logging.WARNING):
        warn_if_stale(None, newest + datetime.timedelta(days=10))
        assert not caplog.records
        later = newest + datetime.timedelta(days=100)
        warn_if_stale(None, later)
        assert "older than 60 days" in caplog.text
        caplog.clear()
        (tmp_path / "ranges").mkdir()
        for name in list_dates():
            place = tmp_path if name == "user_agents" else tmp_path / "ranges"
            suffix = "tsv" if name == "user_agents" else "txt"
            (place / f"{name}.{suffix}").write_text(f"# made {later}\n", encoding="utf-8")
        warn_if_stale(tmp_path, later)
        assert not caplog.records
