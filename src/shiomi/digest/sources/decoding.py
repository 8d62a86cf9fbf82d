"""Decode the bytes of an answer as browsers do."""

from __future__ import annotations

import re

__all__ = ["decoded"]

_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_STATED = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.IGNORECASE)
# The encodings that browsers use for these names: WHATWG Encoding Standard, section 4.2.
_WEB_NAMES = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252",
    "us-ascii": "cp1252", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "x-sjis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "big5": "big5hkscs", "iso-8859-9": "cp1254", "tis-620": "cp874",
}  # fmt: skip


def decoded(body: bytes, content_type: str = "") -> str:
    """Decode with the byte order mark, as UTF-8, or with the charset of the header or of a <meta>.

    Never raises. If none of these works, the encoding is windows-1252.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    stated, meta = _STATED.search(content_type), _META.search(body[:4096])
    charset = stated[1] if stated else meta[1].decode("ascii", "replace") if meta else "cp1252"
    name = _WEB_NAMES.get(charset.lower(), charset)
    for encoding, errors in (("utf-8", "strict"), (name, "strict"), (name, "replace")):
        try:
            return body.decode(encoding, errors)
        except (UnicodeError, LookupError, ValueError):  # unknown, or not a character encoding
            continue
    return body.decode("cp1252", "replace")
