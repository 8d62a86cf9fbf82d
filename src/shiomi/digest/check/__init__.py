"""A linter that compares the facts of any digest with the archive."""

from shiomi.digest.check.judging import Checked, Verdict
from shiomi.digest.check.linter import CheckReport, check_digest
from shiomi.digest.check.reading import read_digest

__all__ = ["CheckReport", "Checked", "Verdict", "check_digest", "read_digest"]
