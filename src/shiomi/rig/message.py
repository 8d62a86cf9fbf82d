"""Messages as keys and values. Only `shiomi.rig.report.wording` turns them into sentences."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message", "Text", "basis", "category", "reason"]


@dataclass(frozen=True, slots=True)
class Message:
    """A phrase of the wording files: its table, its key and the values of its slots."""

    table: str
    key: str
    slots: tuple[tuple[str, Text], ...] = ()

    def __str__(self) -> str:
        """Return the key and the values, for logs and for programs without the wording files."""
        values = ", ".join(f"{name}={value}" for name, value in self.slots)
        name = self.key.replace("_", " ")
        return f"{name} ({values})" if values else name


Text = str | Message
"""A sentence in English, or a message that the report words in the reader's language."""


def _message(table: str, key: str, slots: dict[str, object]) -> Message:
    pairs = ((n, v if isinstance(v, Message) else str(v)) for n, v in slots.items())
    return Message(table, key, tuple(pairs))


def reason(key: str, **slots: object) -> Message:
    """Return why something is unknown, refused or impossible."""
    return _message("reason", key, slots)


def basis(key: str, **slots: object) -> Message:
    """Return one statement about the basis of an estimate."""
    return _message("basis", key, slots)


def category(key: str) -> Message:
    """Return the name of a kind of part."""
    return Message("category", key)
