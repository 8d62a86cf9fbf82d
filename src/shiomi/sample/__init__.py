"""Two real weeks of three communities and the three weeks before, for the demo and the tests.

Contents, origin and licence of the files: ORIGIN.md beside them.
"""

from __future__ import annotations

import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["SAMPLE_AS_OF", "SAMPLE_FILES", "SAMPLE_WEEKS", "sample_files"]

SAMPLE_WEEKS = (datetime.date(2020, 12, 6), datetime.date(2020, 12, 13))
"""The last day of each complete week, in the time zone Asia/Tokyo."""

SAMPLE_AS_OF = 1726790400
"""2024-09-20 00:00 UTC in Unix seconds: no reading in the sample is later.

Each count of Hacker News has its own time. The counts of Lobsters and r/programming were read at
an unknown time up to this moment, so a digest "as of" an earlier moment does not see them.
"""

SAMPLE_FILES = (
    "earlier-titles.jsonl.gz",
    "before.jsonl.gz",
    "2020-12-06.jsonl.gz",
    "2020-12-13.jsonl.gz",
)
"""In the order of import: the title in a later file is newer."""


def sample_files() -> tuple[Traversable, ...]:
    """Return the sample's files in the order of import: JSON Lines, gzip, one Thread per line.

    Use `importlib.resources.as_file` to get a path on disk.
    """
    here = files(__name__)
    return tuple(here / name for name in SAMPLE_FILES)
