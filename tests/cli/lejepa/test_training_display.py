"""What a training shows on a terminal, in a file, and to programs."""

from __future__ import annotations

import os
import pty
import select
import sys

import pytest

from shiomi.cli.lejepa.training_display import accuracies, training_display
from shiomi.lejepa.train import Moment

MOMENT = Moment(10, 20, 1e-3, 0.25, 0.2, 1.5, 1234.5, 3725.0, 512.3)
LINE = "step 10 of 20  loss 0.2500  1,234 images/s  1:02:05 left  512 MiB"


def test_in_a_file_lines_come_now_and_then_and_the_last_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with training_display() as display:
        for done in range(50):
            display.progress(done, 50, "decoding")
        display.moment(MOMENT)
        display.say("step 10: knn 50.0%")
        display.moment(Moment(20, 20, 1e-3, 0.25, 0.2, 1.5, 1234.5, 0.0, 512.3))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "step 10: knn 50.0%",
        "step 20 of 20  loss 0.2500  1,234 images/s  0:00 left  512 MiB",
    ]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with training_display(quiet=True) as display:
        display.progress(1, 2, "decoding")
        display.moment(MOMENT)
        display.say("text")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_one_line_moves_and_what_is_said_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real pseudo-terminal stands in for stderr."""
    leader, follower = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with training_display() as display:
            display.progress(3, None, "decoding")
            display.moment(MOMENT)
            display.say("said")
        terminal.flush()
        shown = ""
        while select.select([leader], [], [], 1.0)[0]:  # it comes in pieces of any size
            shown += os.read(leader, 65536).decode()
    os.close(leader)
    assert "decoding: 3" in shown
    assert "\x1b[2K" + LINE in shown  # the line before was wiped
    assert "said\r\n" in shown


def test_accuracies_are_said_in_one_order() -> None:
    assert accuracies({"rankme": 12.34, "probe": 0.5, "knn": 0.25}) == (
        "knn 25.0%, probe 50.0%, RankMe 12.3"
    )
    assert accuracies({}) == ""
