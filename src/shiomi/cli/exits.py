"""The exit codes of every command; `shiomi --help` lists them."""

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """The result of a command."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # click's own
    PARTLY = 3
    FOUND = 4
    INTERRUPTED = 130
