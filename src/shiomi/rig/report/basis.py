"""What an estimate rests on, in the reader's language.

An estimate's basis is English, as it is in JSON. The phrases it is made of stand in the table
`basis` of every wording, English ones as they are written; one that is not there stays English.
"""

from __future__ import annotations

from shiomi.rig.report.wording import in_language

__all__ = ["basis_text"]


def basis_text(basis: str, language: str) -> str:
    """A basis, phrase by phrase, in `language`."""
    return "; ".join(in_language(x, language, "basis") for x in basis.split("; "))
