"""Show the progress of long work on stderr, but only on a terminal, because cron mails all
output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress", "progress_and_line"]

Progress = Callable[[int, int | None, str], None]
"""A function called with (done, total or None, description)."""


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """Yield a function that shows progress. If `quiet`, or without a terminal, it does nothing."""
    with progress_and_line(quiet) as (show, _):
        yield show


@contextmanager
def progress_and_line(quiet: bool = False) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """Yield the function of `progress`, and a function that shows a line about the current task."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None, lambda _: None
    else:
        with _bars() as shown:
            yield shown


@contextmanager
def _bars() -> Iterator[tuple[Progress, Callable[[str], None]]]:
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
            bars.update(tasks[what], completed=done, total=total, description=what)  # type: ignore[arg-type]

        def line(text: str) -> None:
            for task in bars.task_ids[-1:]:
                bars.update(task, description=text)

        yield show, line
