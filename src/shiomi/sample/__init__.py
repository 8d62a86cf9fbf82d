"""Two real weeks of three communities, with the three weeks before them, for the demo and tests.

Contents, origin and licence of the files: ORIGIN.md beside them.
"""

from __future__ import annotations

import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["SAMPLE_AS_OF", "SAMPLE_FILES", "SAMPLE_WEEKS", "sample_files"]

SAMPLE_WEEKS = (datetime.date(2020, 12, 6), datetime.date(2020, 12, 13))
"""The last day of each week that is here in full; the weeks are those of Asia/Tokyo."""

SAMPLE_AS_OF = 1726790400
"""2024-09-20 00:00 UTC, unix seconds: no reading in the sample is later.

The counts of Lobsters and r/programming were read at or before this moment, when exactly is not
known; those of Hacker News at the moments they carry. A digest "as of" an earlier moment sees
only the latter.
"""

SAMPLE_FILES = (
    "earlier-titles.jsonl.gz",
    "before.jsonl.gz",
    "2020-12-06.jsonl.gz",
    "2020-12-13.jsonl.gz",
)
"""In the order they are to be imported: a later file's title is the newer one."""


def sample_files() -> tuple[Traversable, ...]:
    """The sample's files in import order: JSON Lines, gzip, one Thread per line.

    Give each to `importlib.resources.as_file` where a path on disk is needed.
    """
    here = files(__name__)
    return tuple(here / name for name in SAMPLE_FILES)
