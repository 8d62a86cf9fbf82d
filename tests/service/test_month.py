"""Some days of `shiomi run` in the twin of the communities, killed, and compared with undisturbed.

`benchmarks/digest/month.py` does the same for four weeks and forty kills.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .month import live_through
from .twin import twin

pytestmark = [pytest.mark.process, pytest.mark.slow]

COLLECT = "17 6 * * *"


def test_days_that_are_killed_end_as_if_undisturbed(tmp_path: Path) -> None:
    with twin() as communities:
        whole = live_through(communities, tmp_path / "whole", 10, COLLECT)
        killed = live_through(communities, tmp_path / "killed", 10, COLLECT, kills=6)
    assert killed.kills == 6
    assert killed.threads == whole.threads
    assert len(whole.digests) == 2
    assert killed.pages == whole.pages
    assert killed.exceeded == whole.exceeded == []
    assert killed.requests <= 1.2 * whole.requests
    assert killed.lost == set()
    unread = {("dead", ""): set(range(2, 10)), ("hackernews", ""): {9}}  # its search stands still
    for feed, days in whole.days_read.items():
        assert days | unread.get(feed, set()) >= set(range(10)), feed
    gaps = [(gap.community, gap.missing) for gap in whole.digests[1].gaps]
    assert gaps == [("dead", True), ("hackernews", False)]
    assert set(whole.told.values()) == {1}
    assert max(killed.told.values()) == 1
    assert len(killed.told) + len(killed.interrupted) == len(whole.told)
