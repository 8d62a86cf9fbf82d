"""Progress of long work on stderr: a moving line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress"]

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, what is being done)."""

_PLAIN_EVERY_SECONDS = 5.0


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """A function to call as work goes on; shows nothing where `quiet`."""
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _plain()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(done: int, total: int | None, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield show


def _plain() -> Progress:
    last: dict[str, float] = {}

    def show(done: int, total: int | None, what: str) -> None:
        now = time.monotonic()
        if now - last.get(what, now - _PLAIN_EVERY_SECONDS) < _PLAIN_EVERY_SECONDS:
            return
        last[what] = now
        of = f" of {total:,}" if total else ""
        print(f"{what}: {done:,}{of}", file=sys.stderr, flush=True)  # noqa: T201

    return show
