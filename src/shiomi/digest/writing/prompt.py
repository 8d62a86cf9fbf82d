"""The prompt: numbered evidence as lines of JSON, which the model may only cite.

Each line is one JSON object, so no text of a thread can end its place and speak as the prompt does.
Texts that carry the marks of an injection are left out. Counts are not given: what the model does
not know it cannot misquote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from shiomi.digest.languages import Language
from shiomi.digest.thread import community_label
from shiomi.digest.writing.evidence import Evidence, Item, ItemKind
from shiomi.digest.writing.sentences import is_instruction, sentences

__all__ = ["EXAMPLE", "SCHEMA", "SIZES", "Claim", "Draft", "messages", "shown"]

SIZES = (12_000, 4_000, 1_200)  # characters of evidence: first, then less as it does not fit
LONGEST_ITEM = 2_400
MOST_CLAIMS = 6  # read of each list; the prompt asks for fewer


class Claim(msgspec.Struct, frozen=True):
    """A sentence of the model and the numbers of the items it says it rests on."""

    text: str
    evidence: list[int]


class Draft(msgspec.Struct, frozen=True):
    """What the model returns for one story. The field names are those of a topic."""

    attention: list[Claim]
    technical: list[Claim]
    implications: list[Claim]


_CLAIMS = {
    "type": "array",
    "maxItems": MOST_CLAIMS,
    "items": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": 400},
            "evidence": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        },
        "required": ["text", "evidence"],
        "additionalProperties": False,
    },
}
_SLOTS = ("attention", "technical", "implications")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(_SLOTS, _CLAIMS),
    "required": list(_SLOTS),
    "additionalProperties": False,
}
EXAMPLE = (
    '{"attention":[{"text":"…","evidence":[1]}],"technical":[{"text":"…","evidence":[2,3]}],'
    '"implications":[{"text":"…","evidence":[2]}]}'
)


def shown(evidence: Evidence, size: int) -> tuple[Item, ...]:
    """The items that the model is shown: titles, then passages in turn, at most `size` characters.

    A long passage is cut at a sentence; one that speaks to a model is not shown.
    """
    items = []
    for item in evidence.items:
        text = _within(item, min(size, LONGEST_ITEM))
        if not text:
            continue
        size -= len(text)
        items.append(Item(item.number, item.kind, text, item.uid, item.community, item.link))
        if size < 80:
            break
    return tuple(items)


def messages(
    evidence: Sequence[Item], language: Language, *, again: bool = False
) -> list[dict[str, str]]:
    """System and user message; `again` where the last answer was not of the form asked for."""
    lines = "\n".join(_lines(evidence))
    user = language.phrase("writing.prompt_evidence", lines=lines)
    if again:
        user = f"{user}\n{language.phrase('writing.prompt_again')}"
    system = language.phrase("writing.prompt", example=EXAMPLE).strip()
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def _lines(evidence: Sequence[Item]) -> Iterator[str]:
    for item in evidence:
        yield msgspec.json.encode(
            {
                "number": item.number,
                "kind": item.kind.value,
                "from": community_label(item.community),
                "text": item.text,
            }
        ).decode()


def _within(item: Item, size: int) -> str:
    if is_instruction(item.text):
        return ""
    if item.kind is ItemKind.TITLE:
        return item.text[: min(size, 300)]
    text = ""
    for sentence in sentences(item.text):
        if len(text) + len(sentence) + 1 > size:
            break
        text = f"{text} {sentence}".strip()
    return text
