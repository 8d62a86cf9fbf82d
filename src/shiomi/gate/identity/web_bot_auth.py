"""Web Bot Auth: a request signed by the bot that sends it (RFC 9421, and the drafts on top of it).

The rules are those of draft-meunier-web-bot-auth-architecture and its successors in the IETF's
webbotauth group. A signature is accepted if all of these hold:

- Its tag is `web-bot-auth`.
- It covers `@authority` or `@target-uri`, and also `Signature-Agent` if that header was sent.
- Its creation time is not in the future, and it has not expired.
- The operator of this gate trusts its key, which is named by JWK thumbprint (RFC 7638;
  `signature_keys.py`).

The gate never fetches keys: a client's request must not make the gate send a request.
`Signature-Agent` may be the string of the early drafts or the dictionary of the later ones. Its URL
is not fetched, because the keys are known beforehand.

Checking an Ed25519 signature takes about 80 microseconds, so valid ones are cached until they
expire. Anyone who sees a signature can replay it until it expires. To prevent this,
`replay="refuse"` requires a nonce in each signature and accepts each nonce once per process.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal

from shiomi.gate.identity.signature_keys import TrustedKey
from shiomi.gate.identity.structured_fields import (
    InnerList,
    Item,
    Parameters,
    parse_dictionary,
    serialise,
)
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.request import Request

__all__ = ["WebBotAuth", "parse_signature_agent", "signature_base"]

_TAG = "web-bot-auth"
_LONGEST_HEADER = 8192  # characters of Signature-Input and of Signature
_MOST_SIGNATURES = 4  # signatures of one request that are checked
_MOST_COMPONENTS = 32


class WebBotAuth:
    """Finds the signer of a request.

    Parameters
    ----------
    keys
        The keys that are trusted, by thumbprint.
    skew
        Seconds by which a bot's clock may differ.
    longest
        The most seconds between `created` and `expires`; one day, as the drafts advise.
    replay
        "allow": a signature is valid until it expires. "refuse": each nonce is accepted once.
    remembered
        How many valid signatures are cached; the oldest are dropped first.
    clock
        Unix seconds.
    """

    def __init__(
        self,
        keys: Mapping[str, TrustedKey],
        *,
        skew: float = 60.0,
        longest: float = 86_400.0,
        replay: Literal["allow", "refuse"] = "allow",
        remembered: int = 8192,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._skew = skew
        self._longest = longest
        self._refuse = replay == "refuse"
        self._most = remembered
        self._clock = clock
        self._good: OrderedDict[tuple[str, bytes, str], float] = OrderedDict()
        self._nonces: OrderedDict[tuple[str, str], float] = OrderedDict()

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
            value = values.get(label)
            if isinstance(covered, InnerList) and isinstance(value, Item):
                key = self._key_of(request, covered, value.value)
                if key is not None:
                    return key.client
        return None

    def _key_of(self, request: Request, covered: InnerList, signature: object) -> TrustedKey | None:
        parameters = covered.parameters
        if parameters.get("tag") != _TAG or not isinstance(signature, bytes):
            return None
        key = self._keys.get(str(parameters.get("keyid")))
        now = self._clock()
        if key is None or not self._in_time(parameters, key, now):
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
            _remember(self._good, known, float(parameters["expires"]), self._most)
        return key if self._first_time(parameters, key, now) else None

    def _in_time(self, parameters: Parameters, key: TrustedKey, now: float) -> bool:
        created, expires = parameters.get("created"), parameters.get("expires")
        if type(created) is not int or type(expires) is not int:
            return False
        if not created < expires <= created + self._longest:
            return False
        if created > now + self._skew or expires < now - self._skew:
            return False
        return key.not_before <= now + self._skew and now - self._skew < key.expires

    def _first_time(self, parameters: Parameters, key: TrustedKey, now: float) -> bool:
        """Return whether the nonce is new, and store it; always True if nonces are not checked."""
        if not self._refuse:
            return True
        nonce = parameters.get("nonce")
        if not isinstance(nonce, str) or not nonce:
            return False
        used = (key.thumbprint, nonce)
        if self._nonces.get(used, 0.0) + self._skew >= now:
            return False
        while self._nonces and next(iter(self._nonces.values())) + self._skew < now:
            self._nonces.popitem(last=False)
        if len(self._nonces) >= self._most:
            return False  # if it were forgotten too early, it could be used again
        self._nonces[used] = float(parameters["expires"])
        return True


def _remember(
    kept: OrderedDict[tuple[str, bytes, str], float],
    key: tuple[str, bytes, str],
    until: float,
    most: int,
) -> None:
    kept[key] = until
    while len(kept) > most:
        kept.popitem(last=False)


def _covers_enough(request: Request, covered: InnerList) -> bool:
    names = {item.value for item in covered.items}
    if not names & {"@authority", "@target-uri"}:
        return False
    return b"signature-agent" not in request.headers or "signature-agent" in names


def signature_base(request: Request, covered: InnerList) -> str:
    """Return the text that is signed (RFC 9421, 2.5), one line for each covered component.

    Raises
    ------
    ValueError
        A component does not exist in requests, was not sent, is named twice, or has a parameter
        that is not supported here (`sf`, `bs`, `tr`, `req`).
    """
    if len(covered.items) > _MOST_COMPONENTS:
        raise ValueError(f"more than {_MOST_COMPONENTS} components")
    lines: dict[str, str] = {}
    for item in covered.items:
        identifier = serialise(item)
        if identifier in lines or not isinstance(item.value, str):
            raise ValueError(f"{identifier!r} twice, or no name")
        lines[identifier] = _component(request, item.value, item.parameters)
    lines['"@signature-params"'] = serialise(covered)
    return "\n".join(f"{identifier}: {value}" for identifier, value in lines.items())


def _component(request: Request, name: str, parameters: Parameters) -> str:
    if name.startswith("@"):
        if parameters:
            raise ValueError(f"{name} with parameters")
        return _derived(request, name)
    if name != name.lower() or name.encode() not in request.headers:
        raise ValueError(f"the header {name} was not sent")
    value = request.header(name)
    if not parameters:
        return value.strip()
    if set(parameters) != {"key"}:
        raise ValueError(f"{name} in a way that is not known")
    member = parse_dictionary(value).get(str(parameters["key"]))
    if member is None:
        raise ValueError(f"{name} has no member {parameters['key']!r}")
    return serialise(member)


def _derived(request: Request, name: str) -> str:
    """Return the value of a derived component, which is not a header (RFC 9421, 2.2)."""
    path = request.raw_path.decode("latin-1")
    query = f"?{request.query.decode('latin-1')}"
    target = path + (query if request.query else "")
    match name:
        case "@method":
            return request.method
        case "@authority":
            return _authority(request)
        case "@scheme":
            return request.scheme
        case "@path":
            return path or "/"
        case "@query":
            return query
        case "@request-target":
            return target
        case "@target-uri":
            return f"{request.scheme}://{_authority(request)}{target}"
        case _:
            raise ValueError(f"{name} is no component of a request")


def _authority(request: Request) -> str:
    """Return the host in lower case, without the scheme's default port (RFC 9421, 2.2.3)."""
    return request.host.lower().removesuffix(":443" if request.scheme == "https" else ":80")


def parse_signature_agent(text: str) -> list[tuple[str, str, str]]:
    """Return the entries of `Signature-Agent`: label, URI and type of each.

    In the early drafts the header is one string, which gets the label "".

    Raises
    ------
    ValueError
        It is neither a string nor a dictionary of strings.
    """
    if text.lstrip().startswith('"'):
        text = f"sig={text.strip()}"
        entries = [("", member) for member in parse_dictionary(text).values()]
    else:
        entries = list(parse_dictionary(text).items())
    found = []
    for label, member in entries:
        if not isinstance(member, Item) or not isinstance(member.value, str):
            raise ValueError(f"Signature-Agent: {label!r} is no string")
        found.append((label, str(member.value), str(member.parameters.get("type", "directory"))))
    return found
