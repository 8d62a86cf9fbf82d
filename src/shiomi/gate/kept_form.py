"""Keep a form that a browser sent before it had the cookie, in the challenge's page.

The page contains the form's fields. Its button or its script sends them to the challenge, which
sets the cookie and answers 307. The browser then sends the form to its original address.

Only a form of this site's own pages is kept. Another site's form would afterwards look like one of
this site's own forms, and would pass the application's protection against forged requests (CSRF).
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from shiomi.gate.challenge import form_page
from shiomi.gate.cookie import Signer
from shiomi.gate.decision import Decision
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.response import Response

__all__ = ["LONGEST", "keeps_form", "kept_form"]

LONGEST = 65_536
"""Bytes of a form that is kept."""

_MOST_FIELDS = 500


def keeps_form(request: Request, decision: Decision) -> bool:
    """Return whether to read the body of a refused request, for `kept_form`."""
    if decision.reason != "method" or request.method != "POST":
        return False
    headers = request.headers
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    length = headers.get(b"content-length", b"")
    return (
        kind == b"application/x-www-form-urlencoded"
        and length.isdigit()
        and int(length) <= LONGEST
        and _from_here(request)
    )


def kept_form(
    request: Request, policy: Policy, signer: Signer, body: bytes, now: float
) -> Response | None:
    """Return the page that keeps the form; None if the body is not a form in UTF-8."""
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return None
    return form_page(request, policy, signer, fields, now)


def _from_here(request: Request) -> bool:
    """Return whether a page of this site sent the form, according to the browser's headers."""
    site = request.headers.get(b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    origin = request.headers.get(b"origin", b"").partition(b"://")[2]
    return bool(origin) and origin == request.headers.get(b"host")
