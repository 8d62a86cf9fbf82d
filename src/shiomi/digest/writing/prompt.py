"""Build the prompt: numbered evidence as lines of JSON, a worked example, and the slots to fill.

Each line is one JSON object. So the text of a thread cannot end its string and become a part of the
instructions. Passages with signs of an injection are left out; titles are shown as they are. Counts
of a thread are left out, so that the model cannot misquote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from shiomi.digest.languages import Language
from shiomi.digest.thread import community_label
from shiomi.digest.writing.evidence import Evidence, Item, ItemKind
from shiomi.digest.writing.sentences import is_instruction, sentences

__all__ = ["SLOTS", "Draft", "DraftClaim", "Fallen", "messages", "schema", "shown"]

LONGEST_ITEM = 2_400  # characters
SHORTEST_COMMENT = 30  # characters; shorter comments are left out
LONGEST_SENTENCE = 220  # characters that the schema allows
MOST_CITED = 3  # items that one sentence may cite

SLOTS = {"gloss": 1, "lead": 2, "technical": 2, "voices": 2, "implications": 1}
"""The slots of a draft, with the largest number of sentences of each."""


class DraftClaim(msgspec.Struct, frozen=True):
    """A sentence of the model, with the numbers of the items that it cites."""

    text: str
    evidence: list[int]


class Draft(msgspec.Struct, frozen=True):
    """The answer of the model for one story, by slot."""

    gloss: list[DraftClaim] = []
    lead: list[DraftClaim] = []
    technical: list[DraftClaim] = []
    voices: list[DraftClaim] = []
    implications: list[DraftClaim] = []


class Fallen(msgspec.Struct, frozen=True):
    """A sentence that grounding rejected, with the reason. The model may repair it."""

    slot: str
    text: str
    why: str


def schema(slots: Sequence[str], numbers: Sequence[int]) -> dict[str, Any]:
    """Return the JSON schema of an answer for `slots` that may cite the items `numbers`."""
    claim = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": LONGEST_SENTENCE},
            "evidence": {
                "type": "array",
                "items": {"type": "integer", "enum": list(numbers)},
                "minItems": 1,
                "maxItems": MOST_CITED,
            },
        },
        "required": ["text", "evidence"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            slot: {"type": "array", "maxItems": SLOTS[slot], "items": claim} for slot in slots
        },
        "required": list(slots),
        "additionalProperties": False,
    }


def shown(evidence: Evidence, size: int) -> tuple[Item, ...]:
    """Return the items for the prompt: at most `size` characters, titles first.

    A long passage is cut at a sentence. Short comments and injections are left out.
    """
    items = []
    for item in evidence.items:
        text = _within(item, min(size, LONGEST_ITEM))
        if not text:
            continue
        size -= len(text)
        items.append(replace(item, text=text))
        if size < 80:
            break
    return tuple(items)


def messages(
    evidence: Sequence[Item],
    language: Language,
    slots: Sequence[str] = tuple(SLOTS),
    *,
    fallen: Sequence[Fallen] = (),
    again: bool = False,
) -> list[dict[str, str]]:
    """Return the messages of a request for `slots`: instructions, worked example, evidence,
    request.

    `fallen` are rejected sentences of the last answer, to be repaired. `again` means that the last
    answer had the wrong form. The messages of one story differ only at the end.
    """
    say = language.phrase
    request = say("writing.prompt_slots", slots=", ".join(slots))
    if fallen:
        rows = "\n".join(msgspec.json.encode(one).decode() for one in fallen)
        request = f"{say('writing.prompt_repair', rows=rows)}\n{request}"
    if again:
        request = f"{say('writing.prompt_again')}\n{request}"
    every = say("writing.prompt_slots", slots=", ".join(SLOTS))
    example = say("writing.prompt_evidence", lines=say("writing.example_evidence").strip())
    lines = say("writing.prompt_evidence", lines="\n".join(_lines(evidence)))
    return [
        {"role": "system", "content": say("writing.prompt").strip()},
        {"role": "user", "content": f"{example}\n{every}"},
        {"role": "assistant", "content": say("writing.example_answer").strip()},
        {"role": "user", "content": f"{lines}\n{request}"},
    ]


def _lines(evidence: Sequence[Item]) -> Iterator[str]:
    several = len({item.community for item in evidence}) > 1
    for item in evidence:
        row: dict[str, object] = {"number": item.number, "kind": item.kind.value}
        if several:  # small models write about every name, so unnecessary names are left out
            row["from"] = community_label(item.community)
        if item.kind is ItemKind.COMMENT and item.points is not None:
            row["points"] = item.points
        if item.related:
            row["related"] = True
        yield msgspec.json.encode(row | {"text": item.text}).decode()


def _within(item: Item, size: int) -> str:
    if item.kind is ItemKind.TITLE:
        return item.text[: min(size, 300)]
    if is_instruction(item.text):
        return ""
    if item.kind is ItemKind.COMMENT and len(item.text) < SHORTEST_COMMENT:
        return ""
    text = ""
    for sentence in sentences(item.text):
        if len(text) + len(sentence) + 1 > size:
            break
        text = f"{text} {sentence}".strip()
    return text
