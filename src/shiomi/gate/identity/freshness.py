"""The age of the lists: the first lines of each file contain the date when it was made."""

from __future__ import annotations

import datetime
import logging
import re
from importlib import resources
from pathlib import Path

__all__ = ["STALE_DAYS", "list_dates", "warn_if_stale"]

STALE_DAYS = 60
"""After this number of days, operators may use new addresses, so proofs by address may fail."""

_log = logging.getLogger(__name__)
_DATE = re.compile(r"\b(20\d\d-[01]\d-[0-3]\d)\b", re.ASCII)


def list_dates(folder: Path | None = None) -> dict[str, datetime.date]:
    """Return the date of each list; lists in `folder` replace the package's."""
    found: dict[str, datetime.date] = {}
    for root in (resources.files("shiomi.gate") / "data", folder):
        if root is None:
            continue
        for part in ("user_agents.tsv", "ranges"):
            place = root / part
            files = place.iterdir() if place.is_dir() else [place] if place.is_file() else []
            for file in files:
                with file.open(encoding="utf-8", errors="replace") as text:
                    dates = _DATE.findall(text.readline() + text.readline())
                if dates:
                    found[file.name.rpartition(".")[0]] = datetime.date.fromisoformat(max(dates))
    return found


def warn_if_stale(folder: Path | None, today: datetime.date) -> None:
    """Log a warning that names the lists older than STALE_DAYS."""
    old = {
        name: date for name, date in list_dates(folder).items() if (today - date).days > STALE_DAYS
    }
    if old:
        _log.warning(
            "some lists of crawlers are older than %d days (the oldest: %s, %s), so the gate may"
            " refuse crawlers that you want; see `shiomi gate update --help`",
            STALE_DAYS,
            min(old, key=old.__getitem__),
            min(old.values()),
        )
