"""The errors of the digest, as one tree.

DigestError
├── ConfigError      shiomi.toml has an invalid value
├── ArchiveError     the archive is missing, newer than this program, or damaged
│   └── ArchiveBusyError  it is locked or being migrated; the same call may succeed later
├── ImportFileError  a file given to `shiomi import` is invalid
├── SourceError      a community did not answer, or its answer cannot be read
├── LinkingError     the shipped linking model is missing or damaged
├── WeekError        a week outside the range of the calendar
└── WriterError      a language model's server failed or returned something unusable
"""

__all__ = [
    "ArchiveBusyError",
    "ArchiveError",
    "ConfigError",
    "DigestError",
    "ImportFileError",
    "LinkingError",
    "SourceError",
    "WeekError",
    "WriterError",
]


class DigestError(Exception):
    """Base class of all errors that users of the digest see.

    The text of an error names the wrong value and the remedy.
    """


class ConfigError(DigestError):
    """shiomi.toml has an invalid value."""


class ArchiveError(DigestError):
    """The archive is missing, newer than this program, or damaged."""


class ArchiveBusyError(ArchiveError):
    """The archive is locked or being migrated; the same call may succeed later."""


class ImportFileError(DigestError):
    """A file given to `shiomi import` is invalid."""


class SourceError(DigestError):
    """A community did not answer, or its answer cannot be read."""


class LinkingError(DigestError):
    """The shipped linking model is missing or damaged."""


class WeekError(DigestError, ValueError):
    """A week outside the range of the calendar.

    It is also a ValueError, so that a decoder reports it like any other invalid value.
    """


class WriterError(DigestError):
    """The server of a language model failed or returned something unusable."""
