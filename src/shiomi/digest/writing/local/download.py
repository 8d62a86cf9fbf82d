"""Download a model from the Hugging Face hub or from the mirror that HF_ENDPOINT names.

The bytes are written to FILE.HASH.part, so that an interrupted download continues where it stopped.
The complete file must have the SHA-256 that the catalogue or an earlier download pins. If neither
pins one, it must have the SHA-256 that the hub states (the ETag of its large files). Only then does
the file get its name and a lock file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

from shiomi.digest.errors import WriterError
from shiomi.digest.writing.local.catalogue import Offer
from shiomi.digest.writing.local.lock import Lock, lock_of, write_lock

__all__ = ["Remote", "ask_hub", "download", "free_bytes", "pinned"]

SPARE = 256 * 2**20  # bytes of the disk that a download leaves free
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub describes it."""

    url: str
    commit: str
    bytes: int
    sha256: str  # "": the hub states no hash


def ask_hub(offer: Offer) -> Remote:
    """Return the hub's description of the file. Raises WriterError."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    url = hf_hub_url(offer.repository, offer.file, revision=offer.revision)
    where = f"{offer.repository} {offer.file} at {offer.revision[:12]}"
    try:
        found = get_hf_file_metadata(url)
    except GatedRepoError:
        raise WriterError(
            f"{offer.repository} requires that you accept its terms: do so on its page,"
            " then set HF_TOKEN, or choose another --model"
        ) from None
    except (EntryNotFoundError, RevisionNotFoundError):
        raise WriterError(f"the hub no longer has {where}; choose another --model") from None
    except RepositoryNotFoundError as error:
        status = error.response.status_code
        raise WriterError(
            f"the hub refuses {offer.repository} (status {status}): it was removed or is"
            " private, or HF_TOKEN is wrong; choose another --model"
        ) from None
    except HfHubHTTPError as error:
        raise WriterError(f"the hub failed: {error}; try again later") from None
    except httpx2.HTTPError as error:
        raise WriterError(
            f"the hub cannot be reached ({error}); check the network, or set HF_ENDPOINT"
        ) from None
    if not found.size:
        raise WriterError(f"the hub does not state the size of {where}; choose another --model")
    sha256 = found.etag if found.etag and _SHA256.fullmatch(found.etag) else ""
    return Remote(url, found.commit_hash or offer.revision, found.size, sha256)


def pinned(offer: Offer, remote: Remote, file: Path, trusted: str = "") -> str:
    """Return the SHA-256 that the file must have.

    The hash is taken from --sha256, else from the lock file, else from the catalogue, else from
    the hub.

    Raises WriterError if the hub now has another file, or if no hash is known.
    """
    lock = lock_of(file)
    expected = trusted or (lock.sha256 if lock else "") or offer.sha256 or remote.sha256
    if not expected:
        raise WriterError(
            f"neither the catalogue nor the server states the SHA-256 of {offer.file};"
            " give the one that you trust as --sha256"
        )
    if remote.sha256 and remote.sha256 != expected:
        raise WriterError(
            f"{offer.file} has changed on the hub: its SHA-256 is {remote.sha256}, {expected} was"
            " expected. To accept the new file: `shiomi writer install --sha256"
            f" {remote.sha256}`"
        )
    return expected


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the disk of a folder. The folder does not have to exist."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def download(
    offer: Offer, remote: Remote, folder: Path, expected: str, *, quiet: bool = False
) -> bool:
    """Download the file with the SHA-256 `expected` into `folder`. Return whether bytes were
    fetched.

    Raises WriterError. The bytes fetched so far are kept, unless they are wrong.
    """
    file = folder / offer.file
    if file.is_file() and file.stat().st_size == remote.bytes and _sha256(file) == expected:
        _lock(offer, remote, file, expected)
        return False
    part = folder / f"{offer.file}.{expected[:12]}.part"
    have = part.stat().st_size if part.exists() else 0
    if have > remote.bytes:
        part.unlink()
        have = 0
    missing, free = remote.bytes - have, free_bytes(folder)
    if missing + SPARE > free:
        raise WriterError(
            f"{folder} has {free / 1e9:.1f} GB free; {(missing + SPARE) / 1e9:.1f} GB are needed."
            " Free space, or set writer.models to a folder of another disk"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(remote, part, have, quiet=quiet)
    except OSError as error:
        kept = f"{part} is kept; the same command continues"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WriterError(f"the disk of {folder} is full; {kept}") from None
        raise WriterError(f"the download failed: {error}; {kept}") from None
    got = _sha256(part)
    if got != expected:
        part.unlink()
        raise WriterError(
            f"the downloaded {offer.file} has the SHA-256 {got}, but {expected} was expected;"
            " it was deleted"
        )
    part.replace(file)
    _lock(offer, remote, file, expected)
    return True


def _fetch(remote: Remote, part: Path, have: int, *, quiet: bool) -> None:
    """Append the missing bytes to `part`. Raises OSError."""
    import huggingface_hub.utils as hub
    from huggingface_hub.file_download import http_get

    if quiet:
        hub.disable_progress_bars()  # type: ignore[attr-defined]
    headers = hub.build_hf_headers()  # type: ignore[attr-defined]
    headers["Accept-Encoding"] = "identity"
    try:
        with part.open("ab") as opened:
            http_get(
                remote.url,
                opened,
                resume_size=have,
                headers=headers,
                expected_size=remote.bytes,
                displayed_filename=part.name.rpartition(".gguf")[0],
            )
    except httpx2.HTTPError as error:
        raise OSError(str(error)) from None


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _lock(offer: Offer, remote: Remote, file: Path, sha256: str) -> None:
    size, now = remote.bytes, int(time.time())
    lock = Lock(offer.name, offer.repository, remote.commit, offer.file, size, sha256, now)
    write_lock(file, lock)
