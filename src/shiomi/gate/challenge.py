"""The challenge without JavaScript: a small page, and a cookie for clients that continue from it.

A browser follows a `Refresh` *header*. Crawlers follow redirects and `<meta http-equiv=refresh>`,
but not this header. Some browsers (lynx, w3m) also ignore this header. For these browsers the page
has a button in a form that is sent by POST. Crawlers do not send forms. The address in the header
is valid only for GET and does not appear in the page. The form's address is valid only for POST.

Both addresses are signed for this client and this page, so they cannot be forged and never lead to
another site. The page also sets a test cookie, which shows only whether the browser returns
cookies. A client that does not return the test cookie gets a page that explains the problem. So the
client does not end up in an endless loop of challenges.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, quote

from shiomi.gate.cookie import Elsewhere, Signer, find_cookies
from shiomi.gate.pages import Page, page, preferred_language
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.response import Response, respond
from shiomi.gate.state import State
from shiomi.gate.trap import page_name, trap_link, trap_token

__all__ = ["challenge", "enter", "enter_path", "form_page", "local_address", "renewed"]

_LONGEST_ADDRESS = 2000  # characters; some servers limit a response's headers to 4 KB
_KEPT = "%/:@!$&'()*+,;=-._~"  # characters that need no encoding in a path (RFC 3986, 3.3)
_MOST_TRIES = 40  # challenges in a row that a browser may pass without the button
_SCRIPT_SECONDS = 1  # seconds for the page's script before the Refresh header takes effect
_REFRESH, _BUTTON, _FORM = "refresh", "button", "form"


def challenge(
    request: Request, policy: Policy, signer: Signer, now: float, *, by_itself: bool = True
) -> Response:
    """Return the challenge page, which the client gets instead of the page that it requested.

    `by_itself`: whether the browser may continue without pressing the button.
    """
    tries = _tries(request, policy)
    by_itself = by_itself and tries < _MOST_TRIES
    to = local_address(request, policy)
    headers = [_set(request, _try_name(policy), str(tries + 1), policy.challenge.minutes)]
    if by_itself:
        address = _address(policy, signer.token(_REFRESH, request, to, now), to)
        wait = policy.challenge.wait_seconds
        if policy.challenge.script:  # without JavaScript, a browser uses this header
            wait = max(wait, _SCRIPT_SECONDS)
        headers.append(("Refresh", f"{wait}; url={address}"))
    shown = _page(request, policy, signer, to, now, by_itself=by_itself)
    return respond(policy.challenge.status, shown, headers)


def form_page(
    request: Request, policy: Policy, signer: Signer, fields: Sequence[tuple[str, str]], now: float
) -> Response:
    """Return a challenge page that keeps the fields of a form that the client has sent."""
    to = local_address(request, policy)
    language = preferred_language(request.header("accept-language"))
    address = _address(policy, signer.token(_FORM, request, to, now), to)
    shown = page(
        "challenge",
        language,
        paragraphs=("press_text",),
        button=f"{address}&{_FORM}=1",
        script="send" if policy.challenge.script else "",
        fields=fields,
    )
    tries = str(_tries(request, policy) + 1)
    header = _set(request, _try_name(policy), tries, policy.challenge.minutes)
    return respond(policy.challenge.status, shown, [header])


def enter(
    request: Request, policy: Policy, signer: Signer, state: State, now: float
) -> tuple[Response, str]:
    """Return the response to a client that continues from the challenge, and a word for the reason.

    - "entered": the response sets the cookie and redirects to the page.
    - "no-cookies": the response is a page which explains that cookies are needed.
    - "stale": the token is too old, was altered, or belongs to another client. The client gets the
      challenge page with the button again.
    """
    token, to, with_form = _parameters(request, policy)
    kind = _REFRESH
    if request.method == "POST":
        kind = _FORM if with_form else _BUTTON
    seconds = policy.challenge.minutes * 60.0
    led = signer.leads(kind, request, token, to, now, seconds)
    if led == "away":  # for example, the browser used IPv6 before and uses IPv4 now
        elsewhere = Elsewhere(
            state.secret, token.encode("utf-8", "replace"), request.address, seconds
        )
        led = "home" if elsewhere.admits(state.take, now) else ""
    if not led:
        shown = _page(request, policy, signer, to, now, by_itself=False)
        again = _set(request, _try_name(policy), "1", policy.challenge.minutes)
        return respond(policy.challenge.status, shown, [again]), "stale"
    header = request.headers.get(b"cookie", b"")
    if policy.cookie.name.encode() not in header:  # neither the cookie nor the test cookie
        shown = page(
            "cookie",
            preferred_language(request.header("accept-language")),
            paragraphs=("cookie_text",),
            values={"host": request.host[:100]},
            link=(to, "again"),
        )
        return respond(policy.challenge.status, shown), "no-cookies"
    headers = [
        ("Location", to),
        renewed(request, policy, signer, now),
        _set(request, _try_name(policy), "", 0),
    ]
    shown = page("challenge", "en", paragraphs=(), link=(to, "continue"))
    return respond(307 if kind == _FORM else 303, shown, headers), "entered"


def renewed(request: Request, policy: Policy, signer: Signer, now: float) -> tuple[str, str]:
    """Return the header that gives this client a new cookie."""
    return _set(request, policy.cookie.name, signer.cookie(request, now), policy.cookie.hours * 60)


def enter_path(policy: Policy) -> str:
    """Return the path that the challenge leads to."""
    return f"{policy.challenge.path}enter"


def local_address(request: Request, policy: Policy) -> str:
    """Return the path and query of the request as a redirect target that is always on this site."""
    return _local(request.raw_path, request.query, policy)


def _local(path: bytes, query: bytes, policy: Policy) -> str:
    # "//host" and "/\host" name another site to a browser.
    safe = "/" + quote(path.lstrip(b"/\\"), safe=_KEPT)
    if len(safe) > _LONGEST_ADDRESS or safe.startswith(policy.challenge.path):
        return "/"
    if not query:
        return safe
    whole = f"{safe}?{quote(query, safe=_KEPT + '?')}"
    return whole if len(whole) <= _LONGEST_ADDRESS else safe


def _page(
    request: Request, policy: Policy, signer: Signer, to: str, now: float, *, by_itself: bool
) -> Page:
    language = preferred_language(request.header("accept-language"))
    texts = ("challenge_text", "challenge_help") if by_itself else ("press_text",)
    return page(
        "challenge",
        language,
        paragraphs=texts,
        button=_address(policy, signer.token(_BUTTON, request, to, now), to),
        script="reload" if by_itself and policy.challenge.script else "",
        foot=_foot(request, policy, signer, to, now, language),
    )


def _foot(
    request: Request, policy: Policy, signer: Signer, to: str, now: float, language: str
) -> str:
    if not policy.trap.enabled:
        return ""
    token = trap_token(request, signer, now)
    return f"<footer>{trap_link(policy, token, page_name(to), language)}</footer>"


def _address(policy: Policy, token: str, to: str) -> str:
    return f"{enter_path(policy)}?t={token}&to={quote(to, safe='/')}"


def _parameters(request: Request, policy: Policy) -> tuple[str, str, bool]:
    """Return the token, the page that it leads to, and whether a form is sent to that page.

    The page is always on this site.
    """
    try:
        pairs = dict(parse_qsl(request.query.decode("latin-1"), max_num_fields=8))
    except ValueError:  # more fields
        return "", "/", False
    path, _, query = pairs.get("to", "").encode("utf-8", "replace").partition(b"?")
    return pairs.get("t", ""), _local(path, query, policy), _FORM in pairs


def _tries(request: Request, policy: Policy) -> int:
    """Return how often the client was challenged in a row, 0 to 99."""
    header = request.headers.get(b"cookie")
    if header is None:
        return 0
    values = find_cookies(header, _try_name(policy).encode())
    return max((int(value) for value in values if _number(value)), default=0)


def _number(value: bytes) -> bool:
    return len(value) <= 2 and value.isdigit()


def _try_name(policy: Policy) -> str:
    return f"{policy.cookie.name}-try"


def _set(request: Request, name: str, value: str, minutes: int) -> tuple[str, str]:
    secure = "; Secure" if request.scheme == "https" else ""
    return (
        "Set-Cookie",
        f"{name}={value}; Path=/; Max-Age={minutes * 60}; HttpOnly; SameSite=Lax{secure}",
    )
