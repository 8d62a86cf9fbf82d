"""The keys of bots that sign their requests, as files that the operator of the gate has fetched.

The files are in one folder. `NAME.json` holds the keys of the client that the patterns call NAME
("ChatGPT-User.json"). It is either the JWK set (RFC 7517) that the client's operator publishes
under `/.well-known/http-message-signatures-directory`, or a signature agent card that contains the
keys. For a client without a pattern, the member `gate-purpose` gives its purpose.
"""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiomi.extras import needs_extra
from shiomi.gate.errors import DataError, MissingError
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.purpose import Purpose
from shiomi.gate.text_file import parse_json, read_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["TrustedKey", "keys_of", "read_keys", "thumbprint"]

_SALT = 64  # bytes of salt in rsa-pss-sha512 (RFC 9421, 3.3.1)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, its owner, and its period of validity (Unix seconds)."""

    thumbprint: str
    client: Client
    algorithm: str
    key: Ed25519PublicKey | RSAPublicKey
    not_before: float = -math.inf
    expires: float = math.inf

    def verifies(self, signature: bytes, base: bytes) -> bool:
        """Return whether `signature` is this key's signature of `base`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
        from cryptography.hazmat.primitives.hashes import SHA512

        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(signature, base)
            else:
                self.key.verify(signature, base, PSS(MGF1(SHA512()), _SALT), SHA512())
        except InvalidSignature:
            return False
        return True


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return a key's thumbprint: SHA-256 of its required members (RFC 7638; RFC 8037, A.3)."""
    required = ("crv", "kty", "x") if jwk.get("kty") == "OKP" else ("e", "kty", "n")
    members = {name: jwk[name] for name in required}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()


def read_keys(folder: Path, clients: Iterable[Client]) -> dict[str, TrustedKey]:
    """Return the keys of every `NAME.json` in the folder, by thumbprint.

    Raises
    ------
    DataError
        A file is not readable or not a set of keys, or its client is unknown. The message names it.
    MissingError
        cryptography is not installed.
    """
    by_name = {client.name.lower(): client for client in reversed(list(clients))}
    keys: dict[str, TrustedKey] = {}
    for path in sorted(folder.glob("*.json")):
        document = parse_json(read_text(path), str(path))
        if not isinstance(document, dict):
            raise DataError(f"{path}: must be an object: a JWK set or a signature agent card")
        client = _client(document, path, by_name)
        for key in keys_of(document, client, where=str(path)):
            keys[key.thumbprint] = key
    return keys


def _client(document: Mapping[str, Any], path: Path, by_name: Mapping[str, Client]) -> Client:
    purpose = document.get("gate-purpose")
    if purpose is not None:
        try:
            return Client(path.stem, Purpose(purpose))
        except ValueError:
            known = ", ".join(Purpose)
            raise DataError(
                f"{path}: gate-purpose is {purpose!r}; must be one of {known}"
            ) from None
    client = by_name.get(path.stem.lower())
    if client is None:
        raise DataError(
            f"{path}: no pattern has a client called {path.stem!r}; give the file the name that "
            '`shiomi gate try` shows for the client, or add "gate-purpose" to it'
        )
    return client


def keys_of(document: Mapping[str, Any], client: Client, *, where: str) -> list[TrustedKey]:
    """Return the keys of a JWK set or of a signature agent card; keys of other types are skipped.

    Raises
    ------
    DataError
        The list of keys is missing, a card gives its keys in two ways, or a key is malformed.
    MissingError
        cryptography is not installed.
    """
    if "jwks" in document and "jwks_uri" in document:
        raise DataError(f"{where}: a card must not have both jwks and jwks_uri")
    inside = document.get("jwks", document)
    jwks = inside.get("keys") if isinstance(inside, Mapping) else None
    if not isinstance(jwks, list):
        raise DataError(f"{where}: no list of keys; put the keys themselves into the file, because "
                        "a card's jwks_uri is never fetched")  # fmt: skip
    keys = []
    for number, jwk in enumerate(jwks, 1):
        try:
            key = _key(jwk, client)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}, key {number}: {type(error).__name__}: {error}") from None
        if key is not None:
            keys.append(key)
    return keys


def _key(jwk: Mapping[str, Any], client: Client) -> TrustedKey | None:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    except ImportError:
        raise MissingError(needs_extra("Web Bot Auth", "cryptography", "gate")) from None
    not_before = float(jwk.get("nbf", -math.inf))
    expires = float(jwk.get("exp", math.inf))
    if jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519":
        public = Ed25519PublicKey.from_public_bytes(_decoded(jwk["x"]))
        return TrustedKey(thumbprint(jwk), client, "ed25519", public, not_before, expires)
    if jwk.get("kty") == "RSA":
        numbers = (int.from_bytes(_decoded(jwk[name]), "big") for name in ("e", "n"))
        rsa = RSAPublicNumbers(*numbers).public_key()
        return TrustedKey(thumbprint(jwk), client, "rsa-pss-sha512", rsa, not_before, expires)
    return None


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
