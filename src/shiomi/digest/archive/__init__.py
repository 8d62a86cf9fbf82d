"""The archive of threads, their counts over time, and full-text search.

It is an SQLite file or a PostgreSQL database.
"""

from shiomi.digest.archive.adding import Added
from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.corrections import Correction, CorrectionStore
from shiomi.digest.archive.links import LinkStore
from shiomi.digest.archive.search import Hit
from shiomi.digest.archive.status import ArchiveStatus, CommunityStatus, SourceStatus

__all__ = [
    "Added",
    "Archive",
    "ArchiveStatus",
    "CommunityStatus",
    "Correction",
    "CorrectionStore",
    "Hit",
    "LinkStore",
    "SourceStatus",
]
