"""Show a training on stderr: one live line on a terminal, otherwise a new line from time to
time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shiomi.cli.output import echo

if TYPE_CHECKING:
    from rich.live import Live

    from shiomi.lejepa.train import Moment

__all__ = ["Display", "accuracies", "training_display"]

_PLAIN_EVERY_SECONDS = 10.0


class Display:
    """The display of a training in progress. This class shows nothing; its subclasses print."""

    def show(self, text: str, *, always: bool = False) -> None:
        """Show the state of the run. The display may skip the text, unless `always` is true."""

    def say(self, text: str) -> None:
        """Print a message that stays visible."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Show that more images were read, or that the report advanced."""
        self.show(f"{what}: {done:,}" + (f" of {total:,}" if total else ""))

    def moment(self, moment: Moment) -> None:
        """Show a completed step."""
        self.show(
            f"step {moment.step:,} of {moment.steps:,}  loss {moment.loss:.4f}"
            f"  {moment.samples_per_second:,.0f} images/s  {_duration(moment.seconds_left)} left"
            f"  {moment.memory_mib:,.0f} MiB",
            always=moment.step == moment.steps,
        )


@contextmanager
def training_display(*, quiet: bool = False) -> Iterator[Display]:
    """Return a display for the current stderr; it shows nothing if `quiet`."""
    if quiet:
        yield Display()
    elif not sys.stderr.isatty():
        yield _Plain()
    else:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        with Live(console=console, transient=True, auto_refresh=False) as live:
            yield _Terminal(live)


class _Plain(Display):
    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, text: str, *, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._last >= _PLAIN_EVERY_SECONDS:
            self._last = now
            echo(text, err=True)

    def say(self, text: str) -> None:
        echo(text, err=True)


class _Terminal(Display):
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, text: str, *, always: bool = False) -> None:  # noqa: ARG002
        from rich.text import Text

        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def say(self, text: str) -> None:
        from rich.text import Text

        self._live.console.print(Text(text), soft_wrap=True)


def accuracies(values: dict[str, float]) -> str:
    """Return the evaluation as text: `knn 41.2%, probe 44.0%, RankMe 51.3`."""
    parts = [f"{name} {values[name]:.1%}" for name in ("knn", "probe") if name in values]
    if "rankme" in values:
        parts.append(f"RankMe {values['rankme']:.1f}")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
