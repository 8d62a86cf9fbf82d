"""What an estimate rests on, in the reader's language.

An estimate's basis is English, as it is in JSON. The phrases it is made of stand in the table
`basis` of every wording, English ones as they are written; one that is not there stays English.
"""

from __future__ import annotations

import re
from functools import cache

from shiomi.rig.wording import say, wording

__all__ = ["basis_text"]


def basis_text(basis: str, language: str) -> str:
    """A basis, phrase by phrase, in `language`."""
    if language == "en":
        return basis
    return "; ".join(_phrase(x, language) for x in basis.split("; "))


def _phrase(text: str, language: str) -> str:
    for key, pattern in _patterns():
        if found := pattern.fullmatch(text):
            slots = found.groupdict()
            if "of" in slots:  # what a part of the estimate rests on
                slots["of"] = _phrase(slots["of"], language)
            return say(language, "basis", key, slots)
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each English phrase as a pattern, its slots as groups."""
    return tuple(
        (key, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(phrase))))
        for key, phrase in wording("en")["basis"].items()
    )
