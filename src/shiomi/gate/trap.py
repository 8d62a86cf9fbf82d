"""The trap: a link on every page that robots follow and people do not.

The link says that it is for robots, and robots.txt forbids it. It is invisible and not reachable by
the Tab key. It is hidden in two ways: the attribute `hidden` works if the site's
Content-Security-Policy forbids inline styles, and an inline style works if the site's style sheet
shows all links. The first page behind the link is a warning. Every page of the site leads to
another warning page. A client is caught only if it visits several of these warning pages, as a
robot does that follows all links. The warning has a second link, whose text says that it blocks the
client; one visit to that link is enough. When a client is caught, every cookie that it has becomes
invalid (`shiomi.gate.decision`).

Nobody can lead others into the trap:

- The address of a trap page is signed for the client, and is valid for `trap.minutes`.
- A visit that another site started never counts (`Sec-Fetch-Site`), nor does a prefetch.
- A request for an image, a frame or a script does not count as a visit (`Sec-Fetch-Dest`).
- Visits of a client that needs the cookie count only if it has the cookie.
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
_DESTINATIONS = (b"document", b"empty")  # Sec-Fetch-Dest of a page that is opened or fetched
_PREFETCH = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")


def trap_token(request: Request, signer: Signer, now: float) -> str:
    """Return the token that signs the trap's links for the client of this request."""
    return signer.token(_PAGES, request, "", now - now % TOKEN_SECONDS)


def page_name(page: str) -> str:
    """Return the part of a trap link that names the page which contains it.

    Each page's link leads to another address, so that a robot visits several trap pages.
    """
    return blake2b(page.encode("utf-8", "replace"), digest_size=4).hexdigest()


def trap_link(policy: Policy, token: str, name: str, language: str = "en") -> str:
    """Return the link as HTML, to be put before `</body>`.

    Parameters
    ----------
    token
        The result of `trap_token` for the client that gets the page.
    name
        The result of `page_name` for the page.
    """
    href = f"{policy.challenge.path}{_FOLDER}{name}.{token}/"
    label = escape(text(language, "trap_link"))
    return (
        f'<a href="{href}" rel="nofollow" hidden tabindex="-1" lang="{language}"'
        f' style="position:absolute;left:-99999px">{label}</a>'
    )


def in_trap(policy: Policy, path: str) -> bool:
    """Return whether a path is in the trap, with or without a valid signature."""
    return policy.trap.enabled and path.startswith(policy.challenge.path + _FOLDER)


def deeper(request: Request, signer: Signer, now: float) -> str:
    """Return the address of the second page for this client. `request` is for the first page."""
    page = _first_page(request)
    return f"{quote(page)}/{_DEEPER}?t={signer.token(_MORE, request, page, now)}"


def caught(
    request: Request, trap: Trap, state: State, signer: Signer, client: int, now: float
) -> bool:
    """Count a visit to the trap; return whether it identifies a robot.

    `client` is a key of the cookie. Without a cookie, it is a key of the address and User-Agent. So
    visits of several people behind one address do not add up. Repeated visits to one page count
    once, because a person may reload the page.
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
    """Return whether another site or a prefetcher caused this request."""
    headers = request.headers
    if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        return True
    if headers.get(b"sec-fetch-dest", b"document") not in _DESTINATIONS:
        return True
    return any(b"pre" in headers.get(name, b"").lower() for name in _PREFETCH)
