"""Ctrl-C and SIGTERM stop the run after the current step; a second Ctrl-C stops it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Wish", "stop_wished"]


class Wish:
    """A flag: whether this process was asked to stop."""

    def __init__(self) -> None:
        self.made = False


@contextmanager
def stop_wished() -> Iterator[Wish]:
    """Record SIGINT and SIGTERM instead of ending at once. Outside the main thread this does
    nothing."""
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        if wish.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.made = True

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
