"""Real stories of the sample that ships, and sentences a faithful model would write on them."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec

from shiomi.digest.story import Story
from shiomi.digest.thread import Thread
from shiomi.digest.writing.evidence import Evidence, gather

CLEAN = Path(__file__).parent / "data" / "clean.toml"


@dataclass(frozen=True, slots=True)
class Clean:
    """A sentence that its evidence holds."""

    uid: str
    language: str
    part: str  # "attention", "technical", "implications"
    text: str
    written: str  # "dev", "held" (not tuned on at first), "fresh" (after grounding stood)


@lru_cache(maxsize=1)
def threads() -> dict[str, Thread]:
    """The threads of the sample that have passages."""
    found = {}
    for week in ("2020-12-06", "2020-12-13"):
        data = (files("shiomi.sample") / f"{week}.jsonl.gz").read_bytes()
        for line in gzip.decompress(data).decode().splitlines():
            if '"passages": []' not in line and '"passages":[]' not in line:
                thread = msgspec.convert(json.loads(line), Thread)
                if thread.passages:
                    found[thread.uid] = thread
    return found


@lru_cache(maxsize=128)
def evidence(uid: str) -> Evidence:
    """The evidence of the story that is this thread alone."""
    return gather(Story.of([threads()[uid]]))


@lru_cache(maxsize=1)
def clean() -> tuple[Clean, ...]:
    """Every clean sentence of data/clean.toml."""
    return tuple(_read())


def _read() -> Iterator[Clean]:
    for story in tomllib.loads(CLEAN.read_text(encoding="utf-8"))["story"]:
        written = "fresh" if story.get("fresh") else "held" if story.get("held") else "dev"
        for language in ("ja", "en"):
            for part, texts in story.get(language, {}).items():
                for text in texts:
                    yield Clean(story["uid"], language, part, text, written)
