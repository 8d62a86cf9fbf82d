"""Path patterns as regular expressions that are valid in PCRE2, RE2 and Go.

Rules match the path that the server has decoded and resolved. An application behind the server may
interpret the sent path in another way. So the rules also match the sent path, decoded once and not
resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

from shiomi.gate.policy import ALWAYS_SERVED
from shiomi.gate.policy.paths import is_glob

__all__ = ["ODD", "REQUEST_LINE", "always_sent", "decoded_regex", "sent_regex"]

ODD = r"^[^?#]*?(?:[%\x3b\x5c]|//|/\.)"
"""Matches a path as sent that servers may resolve to different paths."""

REQUEST_LINE = r"^[^ ]+ (?:[a-zA-Z][a-zA-Z0-9+.-]*://[^/?# ]*)?"
"""Matches the text before the path in a request line: "GET " or "GET http://host"."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_~")


def decoded_regex(patterns: Iterable[str]) -> str:
    """Return an expression that matches a decoded, resolved path if one of the patterns does.

    Characters other than letters, digits and a few signs are written as `\\xHH`, so that nothing in
    the expression can end a quotation, begin a comment or name a variable.
    """
    return _joined(patterns, _byte, between="[^?#]*", end=r"\z", start="^")


def sent_regex(patterns: Iterable[str], *, start: str = "^") -> str:
    """Return an expression that matches a request target by its path, decoded once.

    `start` is the anchored text before the path: REQUEST_LINE if a whole request line is matched.
    """
    between = "(?:[^?# %]|%(?!3[fF]|23))*"
    return _joined(patterns, _sent, between=between, end="(?:[?# ]|$)", start=start)


def always_sent(*, start: str = "^") -> str:
    """Return an expression that finds targets in ALWAYS_SERVED. All servers read them as one path.

    Targets are left out if servers read them differently: some servers drop parameters (";"), read
    "\\" as "/", or decode twice.
    """
    slash, dot = _sent(ord("/")), _sent(ord("."))
    plain = r"(?:[^?# %\x3b\x5c]|%(?!25|3[bB]|5[cC]))"
    odd = f"(?:{slash}|{dot}(?:{dot})?(?:{slash}|[?# ]|$))"
    ways = "|".join(
        "".join(_sent(byte) for byte in unquote_to_bytes(pattern.removesuffix("*")))
        + (f"(?!{odd})(?:(?!{slash}{odd}){plain})*" if pattern.endswith("*") else "")
        for pattern in ALWAYS_SERVED
    )
    return f"{start}(?:{ways})(?:[?# ]|$)"


def _joined(
    patterns: Iterable[str], write: Callable[[int], str], *, between: str, end: str, start: str
) -> str:
    """Return the alternatives for whole paths, prefixes, suffixes and globs.

    `between` is the expression for "*".

    Patterns with a query are left out: see `shiomi.gate.native.expressible`.
    """

    def written(text: str) -> str:
        return "".join(write(byte) for byte in unquote_to_bytes(text))

    whole, beginnings, ends, globs = [], [], [], []
    for pattern in patterns:
        if "?" in pattern:
            continue
        if is_glob(pattern):
            globs.append(between.join(written(part) for part in pattern.split("*")))
        elif pattern.endswith("*"):
            beginnings.append(written(pattern[:-1]))
        elif pattern.startswith("*"):
            ends.append(written(pattern[1:]))
        else:
            whole.append(written(pattern))
    ways = [f"{start}(?:{'|'.join(whole)}){end}"] if whole else []
    ways += [f"{start}(?:{'|'.join(beginnings)})"] if beginnings else []
    ways += [f"{start}{between}(?:{'|'.join(ends)}){end}"] if ends else []
    ways += [f"{start}(?:{'|'.join(globs)}){end}"] if globs else []
    return "|".join(ways) or f"{start}!"


def _byte(byte: int) -> str:
    return chr(byte) if byte in _PLAIN else f"\\x{byte:02x}"


def _sent(byte: int) -> str:
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{byte:02x}")
    return f"(?:{_byte(byte)}|%{digits})"
