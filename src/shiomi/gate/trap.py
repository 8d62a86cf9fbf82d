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

from shiomi.gate.pages import text
from shiomi.gate.policy import Policy, Trap
from shiomi.gate.state import Charge

__all__ = ["deeper", "trap_charge", "trap_link", "trap_step"]

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


def trap_charge(trap: Trap, client: int) -> Charge:
    """Return the charge of one visit to the trap's first page: it fails with the last allowed."""
    seconds = trap.minutes * 60.0
    interval = seconds / max(1, trap.visits - 1)
    return (client, interval, interval * (trap.visits - 2) if trap.visits > 1 else -1.0)
