"""Watch: follow a named subject over weeks, with its strength in each community."""

from shiomi.digest.watch.side_by_side import SideQuote
from shiomi.digest.watch.watch import (
    CommunityStrength,
    SubjectEvidence,
    chance_of,
    matcher,
    subject_matcher,
    watch_subject,
)

__all__ = [
    "CommunityStrength",
    "SideQuote",
    "SubjectEvidence",
    "chance_of",
    "matcher",
    "subject_matcher",
    "watch_subject",
]
