"""The trap: a link on every page that only a robot follows, and no person by accident.

The link says what it is, is kept out of the order of the Tab key, and is forbidden in robots.txt.
Its first page says so once more; it counts only when a client comes to several of them, as a robot
does that follows all links. A link on that page, said to block whoever follows it, counts at once.
The verdict ends every cookie the client has earned (`shiomi.gate.decision`).
"""

from __future__ import annotations

import re
from hashlib import blake2b
from html import escape

from shiomi.gate.keys import key
from shiomi.gate.pages import text
from shiomi.gate.policy import Policy, Trap
from shiomi.gate.request import Request
from shiomi.gate.state import State

__all__ = ["caught", "deeper", "trap_link", "trap_step"]

_FOLDER = "pages/"
_DEEPER = "more"
_STEP = re.compile(r"[0-9a-f]{1,16}/(more)?")


def trap_link(policy: Policy, page: str, language: str = "en") -> str:
    """Return the link as HTML, to be put before `</body>` of the page with this path.

    Each page's link leads to another address, so that a robot which fetches no address twice comes
    to several.
    """
    slug = blake2b(page.encode("utf-8", "replace"), digest_size=4).hexdigest()
    href = f"{policy.challenge.path}{_FOLDER}{slug}/"
    label = escape(text(language, "trap_link"))
    return (
        f'<a href="{href}" rel="nofollow" tabindex="-1" lang="{language}"'
        f' style="position:absolute;left:-99999px">{label}</a>'
    )


def trap_step(policy: Policy, path: str) -> int:
    """Return how deep in the trap a path is: 1 its first page, 2 the second, 0 not in it."""
    start = policy.challenge.path + _FOLDER
    if not path.startswith(start):
        return 0
    step = _STEP.fullmatch(path, len(start))
    if step is None:
        return 1  # whatever else is asked for in there, a link led to it, or a guess
    return 2 if step[1] else 1


def deeper(path: str) -> str:
    """Return the address of the trap's second page, from that of the first."""
    return f"{path.removesuffix('/')}/{_DEEPER}"


def caught(
    request: Request, trap: Trap, state: State, secret: bytes, client: int, step: int, now: float
) -> bool:
    """Count a visit to the trap; whether it is the one that tells a robot.

    The same page again within the time counts once: a person may reload it.
    """
    if step == 2 or trap.visits == 1:
        return True
    seconds = trap.minutes * 60.0
    whose = client.to_bytes(8, "big", signed=True)
    this_page = key(secret, "trap page", whose, request.path.encode("utf-8", "replace"))
    if state.take([(this_page, seconds, 0.0)], now):
        return False
    visits = key(secret, "trap", whose)
    return state.take([(visits, seconds, seconds * (trap.visits - 2))], now) > 0
