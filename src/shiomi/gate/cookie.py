"""The cookie: that a client passed the challenge, signed, and good for it alone.

    cookie  issued "." tag "." mac          what a passed challenge gives
    token   issued "." mac                  what a challenge hands out to be passed

issued is Unix seconds in hexadecimal, tag is random, so that no two people share a cookie and a ban
of it; mac is keyed BLAKE2b (RFC 7693) over kind, issued, tag and the client: its /24 or /48 and its
User-Agent; a token's also over the page it leads to. Nothing is stored, so 20 first requests at a
time are given 20 tokens, each of which is good, and cookies that are all good.

Clocks of several machines may differ by up to SKEW: a cookie from up to an hour ahead is taken, and
one is taken until an hour after its end.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes

from shiomi.gate.addresses import group
from shiomi.gate.policy import Cookie
from shiomi.gate.request import Request

__all__ = ["SKEW", "Signer", "find_cookies"]

SKEW = 3600.0  # seconds by which two machines' clocks may differ

_MAC_BYTES = 15
_MAC_CHARACTERS = 20  # base64 of them
_TAG_BYTES = 6
_TAG_CHARACTERS = 8
_LONGEST = 8 + 1 + _TAG_CHARACTERS + 1 + _MAC_CHARACTERS
_MOST = 4  # cookies of the gate's name that are looked at in one request


class Signer:
    """Makes and checks cookies and tokens.

    Parameters
    ----------
    keys
        The first signs, all are taken: to change keys, put the new one first and leave the old
        one for as long as cookies are good.
    draw
        Returns so many random bytes.
    """

    def __init__(
        self, cookie: Cookie, secret: bytes, *, draw: Callable[[int], bytes] = token_bytes
    ) -> None:
        self._draw = draw
        keys = tuple(text.encode() for text in cookie.keys) or (secret,)
        self._keys = tuple(blake2b(key, person=b"shiomi gate keys").digest() for key in keys)
        self._seconds = cookie.hours * 3600.0

    def cookie(self, request: Request, now: float) -> str:
        """Return the value of a cookie for the client of this request."""
        tag = _text(self._draw(_TAG_BYTES))
        issued = f"{int(now):x}"
        return f"{issued}.{tag}.{_mac(self._keys[0], 'cookie', issued, request, tag)}"

    def good(self, request: Request, value: bytes) -> tuple[float, float] | None:
        """Return from when until when this client's cookie is good; None where it was not given it.

        Both ends have room for two clocks that differ.
        """
        if len(value) > _LONGEST or not value.isascii():
            return None
        issued, _, rest = value.decode("ascii").partition(".")
        tag, _, mac = rest.partition(".")
        time = _time(issued)
        if time is None or not self._signed(mac, "cookie", issued, request, tag):
            return None
        return time - SKEW, time + self._seconds + SKEW

    def token(self, kind: str, request: Request, page: str, now: float) -> str:
        """Return a token that leads this client to `page`, a path and query, if used as `kind`."""
        issued = f"{int(now):x}"
        return f"{issued}.{_mac(self._keys[0], kind, issued, request, page)}"

    def leads(
        self, kind: str, request: Request, token: str, page: str, now: float, seconds: float
    ) -> bool:
        """Whether the token was given to this client for `page`, to be used as `kind`."""
        issued, _, mac = token.partition(".")
        time = _time(issued)
        if time is None or not time - SKEW <= now <= time + seconds + SKEW:
            return False
        return self._signed(mac, kind, issued, request, page)

    def _signed(self, mac: str, kind: str, issued: str, request: Request, what: str) -> bool:
        if len(mac) != _MAC_CHARACTERS or not mac.isascii():
            return False
        return any(
            compare_digest(mac, _mac(key, kind, issued, request, what)) for key in self._keys
        )


def find_cookies(header: bytes, name: bytes) -> list[bytes]:
    """Return the first few values of the cookie with this name (RFC 6265, 4.2.1), as sent."""
    if name not in header:
        return []
    found = []
    for pair in header.split(b";"):
        before, equals, value = pair.partition(b"=")
        if equals and before.strip(b" \t") == name:
            found.append(value.strip(b' \t"'))
            if len(found) == _MOST:
                break
    return found


def _time(issued: str) -> float | None:
    if not 1 <= len(issued) <= 8 or issued.strip("0123456789abcdef") or issued[0] == "0":
        return None  # one spelling for each time, so that an altered one is never good
    return float(int(issued, 16))


def _mac(key: bytes, kind: str, issued: str, request: Request, what: str) -> str:
    agent = request.user_agent.encode("latin-1", "replace")
    digest = blake2b(key=key, digest_size=_MAC_BYTES, person=kind.encode())
    for part in (issued.encode(), group(request.address), agent, what.encode("utf-8", "replace")):
        digest.update(len(part).to_bytes(4, "big") + part)
    return _text(digest.digest())


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode("ascii")
