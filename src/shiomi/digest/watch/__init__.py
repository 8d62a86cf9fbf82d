"""Watch: a named subject followed over weeks: how strong, where, what communities say of it."""

from shiomi.digest.watch.side_by_side import Quote
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
    "Quote",
    "SubjectEvidence",
    "chance_of",
    "matcher",
    "subject_matcher",
    "watch_subject",
]
