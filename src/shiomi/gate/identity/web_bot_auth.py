"""Web Bot Auth: a request that the sending bot has signed (RFC 9421, and drafts that extend it).

The rules come from draft-meunier-web-bot-auth-architecture and its successors in the IETF's
webbotauth group. A signature is accepted if all of these conditions are true:

- Its tag is `web-bot-auth`.
- It covers `@authority` or `@target-uri`, and also `Signature-Agent` if that header was sent.
- Its creation time is not in the future, and it has not expired.
- The operator of this gate trusts its key (`signature_keys.py`), named by thumbprint (RFC 7638).

The gate never fetches keys: a client's request must not make the gate send a request.
`Signature-Agent` may be a string, as in the early drafts, or a dictionary, as in the later drafts.
The URL in it is not fetched, because the keys are known beforehand.

Checking an Ed25519 signature takes about 80 microseconds, so valid signatures are cached until they
expire. Anyone who sees a signature can replay it until it expires.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from shiomi.extras import needs_extra
from shiomi.gate.errors import MissingError
from shiomi.gate.identity.signature_keys import TrustedKey
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.request import Request

try:
    import http_sf
except ImportError:
    raise MissingError(needs_extra("Web Bot Auth", "http_sf", "gate")) from None

__all__ = ["WebBotAuth", "parse_dictionary", "signature_base"]

Parameters = dict[str, Any]
Covered = tuple[list[tuple[Any, Parameters]], Parameters]
"""The components that a signature covers, each with its parameters, and the signature's parameters
(an inner list of RFC 9651)."""

_TAG = "web-bot-auth"
_LONGEST_HEADER = 8192  # characters of Signature-Input and of Signature
_MOST_SIGNATURES = 4  # signatures of one request that are checked
_MOST_COMPONENTS = 32
_SKEW = 60.0  # seconds by which a bot's clock may differ
_LONGEST = 86_400.0  # the most seconds between `created` and `expires`; the drafts advise one day
_REMEMBERED = 8192  # valid signatures that are cached; the oldest are dropped first


class WebBotAuth:
    """Finds the signer of a request.

    Parameters
    ----------
    keys
        The keys that are trusted, by thumbprint.
    clock
        Unix seconds.
    """

    def __init__(
        self, keys: Mapping[str, TrustedKey], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._good: OrderedDict[tuple[str, bytes, str], None] = OrderedDict()

    def signer(self, request: Request) -> Client | None:
        """Return the signer of the request's valid signature; None if it has none. Never raises."""
        written = request.header("signature-input")
        signatures = request.header("signature")
        if not written or max(len(written), len(signatures)) > _LONGEST_HEADER:
            return None
        try:
            inputs = parse_dictionary(written)
            values = parse_dictionary(signatures)
        except ValueError:
            return None
        for label, covered in list(inputs.items())[:_MOST_SIGNATURES]:
            if isinstance(covered[0], list) and label in values:
                key = self._key_of(request, covered, values[label][0])
                if key is not None:
                    return key.client
        return None

    def _key_of(self, request: Request, covered: Covered, signature: object) -> TrustedKey | None:
        parameters = covered[1]
        if parameters.get("tag") != _TAG or not isinstance(signature, bytes):
            return None
        key = self._keys.get(str(parameters.get("keyid")))
        if key is None or not _in_time(parameters, key, self._clock()):
            return None
        if parameters.get("alg", key.algorithm) != key.algorithm:
            return None
        if not _covers_enough(request, covered):
            return None
        try:
            base = signature_base(request, covered)
        except ValueError:
            return None
        known = (key.thumbprint, signature, base)
        if known not in self._good:
            if not key.verifies(signature, base.encode("latin-1")):
                return None
            self._good[known] = None
            if len(self._good) > _REMEMBERED:
                self._good.popitem(last=False)
        return key


def parse_dictionary(text: str) -> dict[str, Any]:
    """Return the members of a structured dictionary (RFC 9651): (value or items, parameters).

    Raises
    ------
    ValueError
        The text is not a dictionary.
    """
    members: dict[str, Any] = http_sf.parse(text.encode("latin-1"), tltype="dictionary")  # type: ignore[assignment]
    return members


def _in_time(parameters: Parameters, key: TrustedKey, now: float) -> bool:
    created, expires = parameters.get("created"), parameters.get("expires")
    if type(created) is not int or type(expires) is not int:
        return False
    if not created < expires <= created + _LONGEST:
        return False
    if created > now + _SKEW or expires < now - _SKEW:
        return False
    return key.not_before <= now + _SKEW and now - _SKEW < key.expires


def _covers_enough(request: Request, covered: Covered) -> bool:
    names = {str(value) for value, _ in covered[0]}
    if not names & {"@authority", "@target-uri"}:
        return False
    return b"signature-agent" not in request.headers or "signature-agent" in names


def signature_base(request: Request, covered: Covered) -> str:
    """Return the text that is signed (RFC 9421, 2.5), one line for each covered component.

    Raises
    ------
    ValueError
        A component does not exist in requests, was not sent, is named twice, or has a parameter
        that is not supported here (`sf`, `bs`, `tr`, `req`).
    """
    components, _ = covered
    if len(components) > _MOST_COMPONENTS:
        raise ValueError(f"more than {_MOST_COMPONENTS} components")
    lines: dict[str, str] = {}
    for value, parameters in components:
        identifier = _written((value, parameters))
        if identifier in lines or not isinstance(value, str):
            raise ValueError(f"{identifier!r} is listed twice, or is not a string")
        lines[identifier] = _component(request, value, parameters)
    lines['"@signature-params"'] = _written(covered)
    return "\n".join(f"{identifier}: {value}" for identifier, value in lines.items())


def _written(member: Any) -> str:
    """Return a member in its canonical form (RFC 9651, 4.1)."""
    return http_sf.ser([member])


def _component(request: Request, name: str, parameters: Parameters) -> str:
    if name.startswith("@"):
        if parameters:
            raise ValueError(f"{name} must not have parameters")
        return _derived(request, name)
    if name != name.lower() or name.encode() not in request.headers:
        raise ValueError(f"the header {name} was not sent")
    value = request.header(name)
    if not parameters:
        return value.strip()
    if set(parameters) != {"key"}:
        raise ValueError(f"{name}: only the parameter key is supported")
    member = parse_dictionary(value).get(str(parameters["key"]))
    if member is None:
        raise ValueError(f"{name} has no member {parameters['key']!r}")
    return _written(member)


def _derived(request: Request, name: str) -> str:
    """Return the value of a derived component, which is not a header (RFC 9421, 2.2)."""
    path = request.raw_path.decode("latin-1")
    query = f"?{request.query.decode('latin-1')}"
    target = path + (query if request.query else "")
    # The host in lower case, without the scheme's default port (RFC 9421, 2.2.3).
    authority = request.host.lower().removesuffix(":443" if request.scheme == "https" else ":80")
    values = {
        "@method": request.method,
        "@authority": authority,
        "@scheme": request.scheme,
        "@path": path or "/",
        "@query": query,
        "@request-target": target,
        "@target-uri": f"{request.scheme}://{authority}{target}",
    }
    if name not in values:
        raise ValueError(f"{name} is not a component of a request")
    return values[name]
