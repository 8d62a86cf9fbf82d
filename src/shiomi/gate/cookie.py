"""The cookie: a signed value which shows that a client passed the challenge.

    cookie  issued "." tag "." home "." mac    given to a client that passed the challenge
    token   issued "." home "." mac            a link of the gate's own, for one client and page

`issued` is Unix seconds in hexadecimal. `tag` is random, so two people never share a cookie or its
ban. `mac` is a keyed BLAKE2b hash (RFC 7693) over the kind, the fields before it, the User-Agent,
and the page that a token leads to. `home` is a keyed hash of the client's network (/24 or /48).

A browser's network changes, for example between IPv4 and IPv6, or on a telephone in a train. So a
cookie is also valid outside its home network, but only in a few other networks. The state counts
these networks (`Elsewhere`). If a cookie is copied to many machines, it is soon refused there.

Nothing is stored when a token is made: 20 first requests at the same time get 20 valid tokens.

The clocks of several machines may differ by up to SKEW: a cookie that was issued up to an hour in
the future is accepted, and so is a cookie that expired up to an hour ago.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes
from typing import Literal, NamedTuple

from shiomi.gate.addresses import group
from shiomi.gate.policy import Cookie
from shiomi.gate.request import Request
from shiomi.gate.state import Charge
from shiomi.gate.state.keys import key

__all__ = ["SKEW", "Elsewhere", "Passed", "Signer", "find_cookies"]

SKEW = 3600.0  # seconds by which two machines' clocks may differ

_MAC_BYTES = 15  # 20 characters of base64
_HOME_BYTES = 6  # 8 characters
_TAG_BYTES = 6
_LONGEST = 8 + 1 + 8 + 1 + 8 + 1 + 20
_MOST = 4  # cookies of the gate's name that are read in one request

_MOVES = 8  # the number of networks, besides its home network, in which a cookie is valid
_MOVE_SECONDS = 3600.0  # seconds after which one more network is allowed


class Passed(NamedTuple):
    """When and where a cookie is valid."""

    since: float  # Unix seconds; both ends allow for clocks that differ
    until: float
    home: bool  # the request comes from the network where the cookie was given


class Elsewhere:
    """Counts, in a state, the networks in which a cookie or token is used outside its home network.

    The first use in a network takes a token from the cookie's bucket; later uses in that network
    take none. One call tries to take a token from two buckets: the cookie's bucket and the
    network's bucket. The network's bucket refills more slowly, so the returned wait shows which of
    the two buckets was empty.
    """

    def __init__(self, secret: bytes, value: bytes, address: bytes, seconds: float) -> None:
        here = key(secret, "cookie here", value, group(address))
        moves = key(secret, "cookie moves", value)
        self._charges: tuple[Charge, ...] = (
            (here, seconds + SKEW + 2 * _MOVE_SECONDS, 0.0),
            (moves, _MOVE_SECONDS, _MOVE_SECONDS * (_MOVES - 1)),
        )

    def admits(self, take: Callable[[tuple[Charge, ...], float], float], now: float) -> bool:
        """Return whether the cookie may be used here; `take` is the method of the state."""
        wait = take(self._charges, now)
        return wait == 0.0 or wait > _MOVE_SECONDS


class Signer:
    """Makes and checks cookies and tokens.

    Parameters
    ----------
    keys
        The first key signs; signatures by any of the keys are accepted. To change keys, put the new
        key first and keep the old key until its last cookie has expired.
    draw
        Returns the given number of random bytes.
    """

    def __init__(
        self, cookie: Cookie, secret: bytes, *, draw: Callable[[int], bytes] = token_bytes
    ) -> None:
        self._draw = draw
        keys = tuple(text.encode() for text in cookie.keys) or (secret,)
        self._keys = tuple(blake2b(key, person=b"shiomi gate keys").digest() for key in keys)
        self.seconds = cookie.hours * 3600.0

    def cookie(self, request: Request, now: float) -> str:
        """Return the value of a new cookie for the client of this request."""
        issued, tag = f"{int(now):x}", _text(self._draw(_TAG_BYTES))
        home = _home(self._keys[0], request, tag)
        return f"{issued}.{tag}.{home}.{_mac(self._keys[0], 'cookie', issued, request, tag, home)}"

    def good(self, request: Request, value: bytes) -> Passed | None:
        """Return when and where the cookie is valid; None if it was not given to this client."""
        if len(value) > _LONGEST or not value.isascii():
            return None
        issued, tag, home, mac = _split(value.decode("ascii"), 4)
        time = _time(issued)
        signed_by = self._signer(mac, "cookie", issued, request, tag, home)
        if time is None or signed_by is None:
            return None
        at_home = compare_digest(home, _home(signed_by, request, tag))
        return Passed(time - SKEW, time + self.seconds + SKEW, at_home)

    def token(self, kind: str, request: Request, page: str, now: float) -> str:
        """Return a token that leads this client to `page`, a path and query, if used as `kind`."""
        issued = f"{int(now):x}"
        home = _home(self._keys[0], request, issued)
        return f"{issued}.{home}.{_mac(self._keys[0], kind, issued, request, page, home)}"

    def leads(
        self, kind: str, request: Request, token: str, page: str, now: float, seconds: float
    ) -> Literal["home", "away", ""]:
        """Return where the token is used: in the network where it was issued, or "away" from there.

        The result is "" if the token is too old, or for another client, `page` or `kind`.
        """
        issued, home, mac = _split(token, 3)
        time = _time(issued)
        if time is None or not time - SKEW <= now <= time + seconds + SKEW:
            return ""
        signed_by = self._signer(mac, kind, issued, request, page, home)
        if signed_by is None:
            return ""
        return "home" if compare_digest(home, _home(signed_by, request, issued)) else "away"

    def _signer(
        self, mac: str, kind: str, issued: str, request: Request, what: str, home: str
    ) -> bytes | None:
        """Return the key that made the signature, or None."""
        if not mac.isascii() or not home.isascii():
            return None
        for one in self._keys:
            if compare_digest(mac, _mac(one, kind, issued, request, what, home)):
                return one
        return None


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


def _split(text: str, parts: int) -> list[str]:
    """Return the parts between dots; all are empty if there are more or fewer than `parts`."""
    found = text.split(".")
    return found if len(found) == parts else [""] * parts


def _time(issued: str) -> float | None:
    if not 1 <= len(issued) <= 8 or issued.strip("0123456789abcdef") or issued[0] == "0":
        return None  # only one spelling of each time is valid
    return float(int(issued, 16))


def _mac(key: bytes, kind: str, issued: str, request: Request, what: str, home: str) -> str:
    agent = request.user_agent.encode("latin-1", "replace")
    digest = blake2b(key=key, digest_size=_MAC_BYTES, person=kind.encode())
    for part in (issued.encode(), agent, what.encode("utf-8", "replace"), home.encode()):
        digest.update(len(part).to_bytes(4, "big") + part)
    return _text(digest.digest())


def _home(key: bytes, request: Request, salt: str) -> str:
    data = salt.encode("utf-8", "replace") + b"\0" + group(request.address)
    return _text(blake2b(data, key=key, digest_size=_HOME_BYTES, person=b"home").digest())


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode("ascii")
