"""Text browsers come to the page by one action at most: the button."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pytest

from tests.gate.clients.conftest import Site
from tests.gate.servers import needs

pytestmark = pytest.mark.process

_SECONDS = 60.0  # lynx holds each of its messages for seconds
TAB, ENTER = "\t", "\r"


def visit(
    command: Sequence[str], site: Site, folder: Path, steps: Sequence[tuple[str, str]]
) -> list[str]:
    """Open a page in a text browser on a terminal, and return the pages it got.

    Each step is a text to wait for and the key that is then pressed.
    """
    home = folder / "home"
    home.mkdir()
    (home / ".elinks").mkdir()
    (home / ".elinks" / "elinks.conf").write_text("set ui.show_welcome = 0\n", encoding="utf-8")
    environment = {**os.environ, "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    for name in ("LINES", "COLUMNS"):  # pytest-xdist sets them, and lynx then draws blanks
        environment.pop(name, None)
    terminal = pexpect.spawn(
        command[0],
        [*command[1:], f"{site.url}/page/3"],
        env=environment,
        dimensions=(30, 100),
        timeout=_SECONDS,
        encoding="utf-8",
        codec_errors="replace",
    )
    try:
        for shown, key in steps:
            terminal.expect_exact(shown)
            time.sleep(1.0)  # for the program to be ready for a key
            terminal.send(key)
        end = time.monotonic() + _SECONDS
        while not site.pages() and time.monotonic() < end:
            time.sleep(0.05)
        return [one["path"] for one in site.pages()]
    finally:
        terminal.close(force=True)


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        pytest.param(
            ["lynx", "-accept_all_cookies"], [("Arrow keys", TAB), ("", ENTER)], id="lynx"
        ),
        pytest.param(["w3m"], [("Continue", TAB), ("", ENTER)], id="w3m"),
    ],
)
def test_one_action_leads_to_the_page(
    command: list[str], steps: list[tuple[str, str]], site: Site, tmp_path: Path
) -> None:
    """Tab goes to the button, Enter presses it."""
    needs(command[0])
    assert visit(command, site, tmp_path, steps) == ["/page/3"]


def test_elinks_goes_on_by_itself(site: Site, tmp_path: Path) -> None:
    needs("elinks")
    assert visit(["elinks"], site, tmp_path, [("Continue", "")]) == ["/page/3"]


def test_lynx_as_it_comes_asks_about_the_cookie_itself(site: Site, tmp_path: Path) -> None:
    """ "A" is lynx's own "always for this site", which it asks of every site with cookies."""
    needs("lynx")
    steps = [("Allow?", "A"), ("Arrow keys", ENTER)]
    assert visit(["lynx"], site, tmp_path, steps) == ["/page/3"]


def test_without_a_single_key_a_text_browser_shows_words_and_not_the_page(
    site: Site, tmp_path: Path
) -> None:
    needs("w3m")
    command = ["w3m", "-dump", f"{site.url}/page/3"]
    said = pexpect.run(" ".join(command), encoding="utf-8", timeout=int(_SECONDS))
    assert "press the button" in str(said)
    assert site.pages() == []
