"""Access to the fields of a config.json. Each value is checked for plausibility before use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from shiomi.rig.errors import ModelFileError

__all__ = ["Fields"]

MAX_SIZE = 2**24  # of a width, a rank, a number of heads or experts
MAX_LISTED = 2**12


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a model's config, by key."""

    said: Mapping[str, object]
    name: str

    def language_model(self) -> Fields:
        """Return the fields of the language model inside the config of a vision or audio model."""
        for key in ("text_config", "llm_config", "language_config"):
            inner = self.said.get(key)
            if isinstance(inner, Mapping):
                outer = {k: v for k, v in self.said.items() if not isinstance(v, Mapping)}
                quantised = self.said.get("quantization_config")
                kept = {"quantization_config": quantised} if quantised is not None else {}
                return Fields({**outer, **kept, **inner}, self.name)
        return self

    def refuse(self, text: str) -> NoReturn:
        """Raise ModelFileError with the model's name."""
        raise ModelFileError(f"The config of {self.name} {text}")

    def value(self, *keys: str) -> object:
        """Return the value of the first key that is present; null counts as missing."""
        for key in keys:
            found = self.said.get(key)
            if found is not None:
                return found
        return None

    def integer(self, *keys: str, default: int | None = None, most: int = MAX_SIZE) -> int:
        """Return a number in 0..most. Raises ModelFileError if it is missing and has no default."""
        value = self.value(*keys)
        if value is None:
            if default is None:
                self.refuse(f"has no {keys[0]}")
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.refuse(f"gives {keys[0]} = {_short(value)}; it must be 0 to {most}")
        return value

    def flag(self, *keys: str, default: bool) -> bool:
        """Return a boolean, or `default` if it is missing."""
        value = self.value(*keys)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(f"gives {keys[0]} = {_short(value)}; it must be true or false")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None if it is missing."""
        value = self.value(key)
        if value is not None and not isinstance(value, str):
            self.refuse(f"gives {key} = {_short(value)}; it must be a string")
        return value

    def text(self, key: str) -> str:
        """Return a string. Raises ModelFileError if it is missing or empty."""
        value = self.optional_text(key)
        if not value:
            self.refuse(f"has no {key}")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of strings, empty if it is missing."""
        value = self.value(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_LISTED:
            self.refuse(f"gives {key} = {_short(value)}; it must be a list of strings")
        if not all(isinstance(item, str) for item in value):
            self.refuse(f"gives {key} an item that is not a string")
        return value

    def integers(self, key: str) -> list[int]:
        """Return a list of numbers, empty if it is missing."""
        value = self.value(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_LISTED:
            self.refuse(f"gives {key} = {_short(value)}; it must be a list of numbers")
        if not all(isinstance(n, int) and 0 <= n <= MAX_SIZE for n in value):
            self.refuse(f"gives {key} an item that is not a number from 0 to {MAX_SIZE}")
        return value

    def mapping(self, key: str) -> Mapping[str, object] | None:
        """Return an object, or None if it is missing."""
        value = self.value(key)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(f"gives {key} = {_short(value)}; it must be an object")
        return value


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number too long for Python
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
