"""Rewrite regular expressions without characters that are special in configuration files."""

from __future__ import annotations

import re

from shiomi.gate.errors import CompileError

__all__ = ["tame"]

_SPECIAL = re.compile(
    r"\\[pPx]\{[A-Za-z0-9_^]+\}|\\.|\{(?:[0-9]+(?:,[0-9]*)?\})?|[^\x21-\x7e]|[\"'#`%;]"
)
_AS_IT_IS = re.compile(r"\\[pPx]\{.*|\\[^\"'#`%;{} ]|\{.+|[^\x00-\x7f]+")


def tame(pattern: str) -> str:
    """Return an expression that matches the same texts and needs no quoting.

    Quotation marks, blanks, `#`, `;`, `%` and literal braces are written as numbers (`\\x22`), as
    PCRE2, RE2 and Go allow. The braces that remain belong to repetitions and classes. So the
    expression does not contain `{$NAME}`, `${NAME}` or `{name}`, which a server would replace by
    the value of a variable.

    Raises
    ------
    CompileError
        The pattern contains a control character.
    """
    if any(ord(character) < 0x20 or character == "\x7f" for character in pattern):
        raise CompileError(f"a pattern must not have control characters, got {pattern[:80]!r}")
    return _SPECIAL.sub(_written, pattern)


def _written(found: re.Match[str]) -> str:
    text = found[0]
    return text if _AS_IT_IS.fullmatch(text) else f"\\x{ord(text[-1]):02x}"
