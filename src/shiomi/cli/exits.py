"""The exit codes every command keeps to; `shiomi --help` lists them."""

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """What a command's end means to the program that called it."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # click's own
    PARTLY = 3
    FOUND = 4
    INTERRUPTED = 130
