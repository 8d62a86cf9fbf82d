"""Check the signature of a fetched list: Ed25519 (RFC 8032), over the whole file.

The signature of `robots.json` is in `robots.json.sig`: 64 bytes, raw or in base64. These OpenSSL
commands make the keys and the signature:

    openssl genpkey -algorithm ed25519 -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
    openssl pkeyutl -sign -rawin -inkey key.pem -in robots.json -out robots.json.sig
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from shiomi.extras import needs_extra
from shiomi.gate.errors import DataError, MissingError

__all__ = ["check_signature"]

_SIGNATURE_BYTES = 64


def check_signature(path: Path, key: Path) -> None:
    """Check the signature of the file at `path` with the public key in a PEM file.

    Raises
    ------
    MissingError
        cryptography is not installed.
    DataError
        The key is not an Ed25519 public key, or the signature is missing or wrong.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise MissingError(needs_extra("--key", "cryptography", "gate")) from None
    try:
        public = load_pem_public_key(_bytes(key))
    except ValueError as error:
        raise DataError(f"{key} is not a public key in PEM: {error}") from None
    if not isinstance(public, Ed25519PublicKey):
        raise DataError(f"{key} is not an Ed25519 key")
    beside = path.with_name(f"{path.name}.sig")
    signature = _bytes(beside)
    if len(signature) != _SIGNATURE_BYTES:
        try:
            signature = base64.b64decode(signature, validate=False)
        except binascii.Error:
            signature = b""
    if len(signature) != _SIGNATURE_BYTES:
        raise DataError(f"{beside} is not a signature: 64 bytes, or the same in base64")
    try:
        public.verify(signature, _bytes(path))
    except InvalidSignature:
        raise DataError(f"{path}: the signature in {beside} does not fit it and {key}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
