"""The trap: a link on every page that robots follow and people do not.

The link says that it is for robots, and robots.txt forbids it. It is out of sight and out of the
order of the Tab key twice over: by `hidden`, for sites whose Content-Security-Policy forbids styles
in elements, and by a style, for sites whose style sheet shows all links. Its first page is a
warning. A visit counts only if a client comes to several of these pages, as a robot does that
follows all links. The warning has a second link, labelled as one that blocks the client. A visit to
that link counts at once. A client that is caught loses every cookie it has earned
(`shiomi.gate.decision`).

Nobody can lead others into the trap:

- The address of a page is signed for the client that was shown it, and is good for `trap.minutes`.
- A visit that another site started never counts (`Sec-Fetch-Site`), nor does a prefetch.
- An image, a frame or a script is not a visit (`Sec-Fetch-Dest`).
- A client that is challenged is counted only with its cookie.
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

__all__ = ["TOKEN_SECONDS", "caught", "deeper", "in_trap", "page_name", "trap_link", "trap_token"]

TOKEN_SECONDS = 300.0
"""How long one client is given the same token, so that its links need not be signed again."""

_FOLDER = "pages/"
_DEEPER = "more"
_PAGES, _MORE = "trap", "trap more"  # kinds of tokens
_DESTINATIONS = (b"document", b"empty")  # Sec-Fetch-Dest of what is opened or fetched
_PREFETCH = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")


def trap_token(request: Request, signer: Signer, now: float) -> str:
    """Return what signs the trap's links for the client of this request."""
    return signer.token(_PAGES, request, "", now - now % TOKEN_SECONDS)


def page_name(page: str) -> str:
    """Return the name of a page in its trap link.

    Each page's link leads to another address, so a robot that fetches no address twice still comes
    to several.
    """
    return blake2b(page.encode("utf-8", "replace"), digest_size=4).hexdigest()


def trap_link(policy: Policy, token: str, name: str, language: str = "en") -> str:
    """Return the link as HTML, to be put before `</body>`.

    Parameters
    ----------
    token
        What `trap_token` returns for the client that gets the page.
    name
        What `page_name` returns for the page.
    """
    href = f"{policy.challenge.path}{_FOLDER}{name}.{token}/"
    label = escape(text(language, "trap_link"))
    return (
        f'<a href="{href}" rel="nofollow" hidden tabindex="-1" lang="{language}"'
        f' style="position:absolute;left:-99999px">{label}</a>'
    )


def in_trap(policy: Policy, path: str) -> bool:
    """Return whether a path is in the trap: one of its pages, or a guess at one."""
    return policy.trap.enabled and path.startswith(policy.challenge.path + _FOLDER)


def deeper(request: Request, signer: Signer, now: float) -> str:
    """Return the address of the second page, from a request for the first: for this client only."""
    page = _first_page(request)
    return f"{quote(page)}/{_DEEPER}?t={signer.token(_MORE, request, page, now)}"


def caught(
    request: Request, trap: Trap, state: State, signer: Signer, client: int, now: float
) -> bool:
    """Count a visit to the trap; return whether it identifies a robot.

    `client` is a key of the cookie, else of the address and User-Agent: visits of several people
    behind one address do not add up. The same page again within the time counts once, as a person
    may reload it.
    """
    if _led_here(request):
        return False
    seconds = trap.minutes * 60.0
    page = _first_page(request)
    more = request.query.decode("latin-1").removeprefix("t=")
    if signer.leads(_MORE, request, more, page, now, seconds) == "home":
        return True
    name, _, token = page.rpartition("/")[2].partition(".")
    if signer.leads(_PAGES, request, token, "", now, seconds + TOKEN_SECONDS) != "home":
        return False
    if trap.visits == 1:
        return True
    whose = client.to_bytes(8, "big", signed=True)
    this_page = key(state.secret, "trap page", whose, name.encode("utf-8", "replace"))
    if state.take([(this_page, seconds, 0.0)], now):
        return False
    visits = key(state.secret, "trap", whose)
    return state.take([(visits, seconds, seconds * (trap.visits - 2))], now) > 0


def _first_page(request: Request) -> str:
    return request.path.removesuffix(_DEEPER).rstrip("/")


def _led_here(request: Request) -> bool:
    """Whether another site or a prefetcher caused this request."""
    headers = request.headers
    if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        return True
    if headers.get(b"sec-fetch-dest", b"document") not in _DESTINATIONS:
        return True
    return any(b"pre" in headers.get(name, b"").lower() for name in _PREFETCH)
