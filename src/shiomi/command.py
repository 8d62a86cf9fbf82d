"""The `shiomi` script. It is small, so that Ctrl-C ends the program cleanly even during
start-up."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Import the command line and run it."""
    _open_standard_streams()
    try:
        from shiomi.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(130)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal in EUC-JP cannot show emoji
    command_line()


def _open_standard_streams() -> None:
    """Open stdin, stdout and stderr if they are closed.

    Otherwise the next opened file would get the number of the closed stream.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
