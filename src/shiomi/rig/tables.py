"""The tables of the rig, from the package or from an installed data file.

A data file has two lines of JSON. The first line is a header with the signer's public key and the
Ed25519 signature of the second line's bytes. The second line is the payload: its date, its sources,
the tables as text, and the models. The user gives the key with the first install; later data files
must be signed by the same key.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shiomi.rig.errors import UpdateError

__all__ = [
    "FORMAT", "MOST_BYTES", "TABLES", "DataFile", "activate", "bounded", "cached", "data_date",
    "fetch", "models_folder", "open_signed", "sign", "table_models", "table_text",
]  # fmt: skip

FORMAT = "shiomi-rig-data 1"
MOST_BYTES = 20_000_000
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
SHIPPED = datetime.date(2026, 11, 29)  # the day of the last review of the shipped tables
TABLES = {
    "gpus.csv": "shiomi.rig.machine",
    "pci_gpus.csv": "shiomi.rig.machine",
    "quality.csv": "shiomi.rig.model",
    "example_prices.csv": "shiomi.rig.buy",
    "machines.csv": "shiomi.rig.buy",
    "coefficients.json": "shiomi.rig.estimate",
    "people.json": "shiomi.rig.estimate",
}

Reader = TypeVar("Reader", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class DataFile:
    """An update: its day, the sources of its tables, and tables and models by file name."""

    date: datetime.date
    key: str  # base64 of the signer's 32 bytes
    sources: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


_active: list[DataFile] = []
_own_models: list[Path] = []
_caches: list[Callable[[], None]] = []


def cached(reader: Reader) -> Reader:
    """Cache a reader's result until other tables are activated."""
    kept = cache(reader)
    _caches.append(kept.cache_clear)
    return kept  # type: ignore[return-value]


def activate(update: DataFile | None, own_models: Path | None = None) -> None:
    """Use the tables of an update, or the shipped tables, together with the user's own models."""
    _active[:] = [] if update is None else [update]
    _own_models[:] = [] if own_models is None else [own_models]
    for clear in _caches:
        clear()


def table_text(name: str) -> str:
    """Return a table of TABLES as text."""
    for update in _active:
        if name in update.tables:
            return update.tables[name]
    return resources.files(TABLES[name]).joinpath("data", name).read_text(encoding="utf-8")


def table_models() -> Mapping[str, str]:
    """Return the models of the active update, TOML by file name."""
    return _active[0].models if _active else {}


def models_folder() -> Path | None:
    """Return the folder of models that `rig model add` wrote, if there is one."""
    return _own_models[0] if _own_models and _own_models[0].is_dir() else None


def data_date() -> datetime.date:
    """Return the day of the active tables."""
    return _active[0].date if _active else SHIPPED


def sign(payload: Mapping[str, Any], private: bytes) -> bytes:
    """Return a data file; `private` is the signer's Ed25519 key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = Ed25519PrivateKey.from_private_bytes(private)
    body = json.dumps({"format": FORMAT, **payload}, ensure_ascii=False).encode()
    header = {
        "key": base64.b64encode(signer.public_key().public_bytes_raw()).decode(),
        "signature": base64.b64encode(signer.sign(body)).decode(),
    }
    return json.dumps(header).encode() + b"\n" + body + b"\n"


def open_signed(data: bytes, *, key: str) -> DataFile:
    """Return the update in a data file.

    Raises UpdateError if it is not a data file, is signed by another key, or was changed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    head, _, body = data.partition(b"\n")
    body = body.rstrip(b"\n")
    try:
        header = json.loads(head)
        signer, signature = header["key"], base64.b64decode(header["signature"], validate=True)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signer, validate=True))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise UpdateError(f"the file is not a data file of the rig: {error}") from error
    if signer != key:
        raise UpdateError(f"the data file is signed by {signer[:60]}, expected {key[:60]}")
    try:
        public.verify(signature, body)
    except InvalidSignature as error:
        raise UpdateError("the data file was changed after it was signed") from error
    return _parse(json.loads(body), signer)


def _parse(said: Any, signer: str) -> DataFile:
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise UpdateError(f"the data file must have the format {FORMAT!r}")
    parts = {name: said.get(name, {}) for name in ("sources", "tables", "models")}
    for name, part in parts.items():
        if not isinstance(part, dict) or not all(isinstance(x, str) for x in part.values()):
            raise UpdateError(f"the data file's {name} must be texts by name")
    if unknown := sorted(set(parts["tables"]) - set(TABLES)):
        raise UpdateError(f"the data file has an unknown table {unknown[0][:40]!r}")
    if wrong := [x for x in parts["models"] if Path(x).name != x or not x.endswith(".toml")]:
        raise UpdateError(f"the data file has a model in {wrong[0][:40]!r}, not in a .toml file")
    try:
        day = datetime.date.fromisoformat(str(said.get("date")))
    except ValueError as error:
        raise UpdateError(
            f"the data file's date must be a day, got {said.get('date')!r}"
        ) from error
    return DataFile(day, signer, **parts)


def fetch(address: str) -> bytes:
    """Download from an https address. Plain http is allowed only on loopback.

    Raises UpdateError if the answer is not usable.
    """
    import httpx2

    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise UpdateError(f"{address} must be an https address")
    try:
        with httpx2.stream("GET", address, timeout=30.0, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise UpdateError(f"{address} answered {answer.status_code}")
            data = b""
            for chunk in answer.iter_bytes():
                data = bounded(data + chunk)
            return data
    except httpx2.HTTPError as error:
        raise UpdateError(f"{address} cannot be fetched: {error}") from error


def bounded(data: bytes) -> bytes:
    """Return the data; raise UpdateError if there are too many bytes."""
    if len(data) > MOST_BYTES:
        raise UpdateError(f"the data file must have at most {MOST_BYTES:,} bytes")
    return data
