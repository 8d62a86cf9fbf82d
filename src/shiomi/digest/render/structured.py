"""Write a digest as JSON, with the version of the format."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from shiomi.digest.document import Digest

__all__ = ["SCHEMA", "render_json"]

SCHEMA = "shiomi.digest/1"  # the version increases if older programs would misread the format

# Characters that hide or reorder displayed text. Escaping them in JSON does not change the data.
_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_WEB = re.compile(r"https?://", re.IGNORECASE)


def render_json(digest: Digest) -> str:
    """Return the document as JSON text that can be written as UTF-8 and ends with a newline.

    UTF-8 cannot hold a lone surrogate, so it becomes U+FFFD. An address that is not http or https,
    such as "javascript:", is left out.
    """
    document = _without_scripts(msgspec.to_builtins(digest))
    text = json.dumps({"schema": SCHEMA, "digest": document}, ensure_ascii=False, indent=1)
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return _UNSEEN.sub(_escape, text) + "\n"


def _without_scripts(value: Any) -> Any:
    """Return the document without addresses other than http and https."""
    if isinstance(value, (list, tuple)):
        return [_without_scripts(one) for one in value]
    if not isinstance(value, dict):
        return value
    cleaned = {name: _without_scripts(one) for name, one in value.items()}
    for name in ("link", "url"):
        address = cleaned.get(name)
        if isinstance(address, str) and not _WEB.match(address):
            cleaned[name] = None if name == "url" else ""
    return cleaned


def _escape(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
