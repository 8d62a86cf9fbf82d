"""The trap: a link on every page that only a robot follows, and no person by accident.

The link says what it is, is forbidden in robots.txt, and is out of sight and of the order of the
Tab key twice over: `hidden`, where a site's Content-Security-Policy forbids styles in its elements,
and a style, where its own style sheet shows all links.
Its first page says so once more; it counts only when a client comes to several of them, as a robot
does that follows all links. A link on that page, said to block whoever follows it, counts at once.
The verdict ends every cookie the client has earned (`shiomi.gate.decision`).

Nobody can lead others into it. The first page does not count as an image or frame of another page,
nor for a client that is challenged anyway and has not the cookie, which browsers do not send along
with another site's images. The second page's address is signed for the client that was shown it.
"""

from __future__ import annotations

from hashlib import blake2b
from html import escape
from urllib.parse import quote

from shiomi.gate.cookie import Signer
from shiomi.gate.pages import text
from shiomi.gate.policy import Policy, Trap
from shiomi.gate.request import Request
from shiomi.gate.state import State
from shiomi.gate.state.keys import key

__all__ = ["caught", "deeper", "in_trap", "trap_link"]

_FOLDER = "pages/"
_DEEPER = "more"
_KIND = "trap"  # of the token that leads to the second page
_PAGES = (b"document", b"empty")  # Sec-Fetch-Dest of what is opened or fetched, not part of a page


def trap_link(policy: Policy, page: str, language: str = "en") -> str:
    """Return the link as HTML, to be put before `</body>` of the page with this path.

    Each page's link leads to another address, so that a robot which fetches no address twice comes
    to several.
    """
    slug = blake2b(page.encode("utf-8", "replace"), digest_size=4).hexdigest()
    href = f"{policy.challenge.path}{_FOLDER}{slug}/"
    label = escape(text(language, "trap_link"))
    return (
        f'<a href="{href}" rel="nofollow" hidden tabindex="-1" lang="{language}"'
        f' style="position:absolute;left:-99999px">{label}</a>'
    )


def in_trap(policy: Policy, path: str) -> bool:
    """Whether a path is in the trap: one of its pages, or whatever else is guessed in there."""
    return policy.trap.enabled and path.startswith(policy.challenge.path + _FOLDER)


def deeper(request: Request, signer: Signer, now: float) -> str:
    """Return the address of the second page, from a request for the first: for this client only."""
    page = request.path.removesuffix(_DEEPER).rstrip("/")
    return f"{quote(page)}/{_DEEPER}?t={signer.token(_KIND, request, page, now)}"


def caught(
    request: Request, trap: Trap, state: State, signer: Signer, client: int, now: float
) -> bool:
    """Count a visit to the trap; whether it is the one that tells a robot.

    `client` is a key of the cookie, else of the address and User-Agent: visits of several people
    behind one address do not add up.
    The same page again within the time counts once: a person may reload it.
    """
    seconds = trap.minutes * 60.0
    page = request.path.removesuffix(_DEEPER).rstrip("/")
    token = request.query.decode("latin-1").removeprefix("t=")
    if signer.leads(_KIND, request, token, page, now, seconds):
        return True
    if request.headers.get(b"sec-fetch-dest", b"document") not in _PAGES:
        return False
    if trap.visits == 1:
        return True
    whose = client.to_bytes(8, "big", signed=True)
    this_page = key(state.secret, "trap page", whose, page.encode("utf-8", "replace"))
    if state.take([(this_page, seconds, 0.0)], now):
        return False
    visits = key(state.secret, "trap", whose)
    return state.take([(visits, seconds, seconds * (trap.visits - 2))], now) > 0
