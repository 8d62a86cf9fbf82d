"""Find models by name (one TOML file each in models/), or read a GGUF file or config.json.

A TOML file has the name and aliases of a model, its release date, its licence, the languages that
its makers list, its purposes, the published number of parameters, and the source of these facts.
The table `[config]` has the fields of its config.json. A user's folder of such files adds models,
or replaces shipped models with the same name.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from shiomi.rig.errors import AmbiguousPartError, ModelFileError, UnknownPartError
from shiomi.rig.model.gguf_model import read_gguf
from shiomi.rig.model.hf_config import check_parameters, read_config
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import find_quantisation
from shiomi.rig.tables import models_folder, table_models
from shiomi.toml_file import nearest

__all__ = ["PURPOSES", "KnownModel", "find_model", "known_models", "model_of", "read_model_file"]

PURPOSES = ("chat", "code")
_MOST_FILES = 2000
_MOST_BYTES = 256 * 1024
_MOST_LISTED = 12
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_KEYS = {
    "name": str, "aliases": list, "released": str, "licence": str, "languages": list,
    "purposes": list, "parameters": int, "quantisations": list, "source": str, "config": dict,
}  # fmt: skip
_NEEDED = ("name", "source", "config")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with its other names, release date and licence."""

    model: Model
    aliases: tuple[str, ...] = ()
    released: str | None = None  # "2025-04"
    licence: str | None = None
    languages: tuple[str, ...] = ()  # ISO 639 codes that its makers list; empty: not known
    purposes: tuple[str, ...] = ("chat",)
    quantisations: tuple[str, ...] = ()  # the only useful formats; empty: any

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.model.name


def known_models(folder: Path | None = None) -> list[KnownModel]:
    """Return the shipped models and the models of `folder`, by name. Raises ModelFileError with the
    file's name if a file is invalid.
    """
    found = {x.name.casefold(): x for x in _shipped()}
    for name, text in table_models().items():
        known = model_of(_toml(name, text.encode()), name)
        found[known.name.casefold()] = known
    for place in filter(None, (models_folder(), folder)):
        try:
            own = sorted(place.iterdir())
        except OSError as error:
            raise ModelFileError(
                f"{place} cannot be listed ({error.strerror}); give a folder with .toml files"
            ) from error
        found |= {x.name.casefold(): x for x in _read_all(own)}
    return [found[key] for key in sorted(found)]


@cache
def _shipped() -> tuple[KnownModel, ...]:
    return tuple(_read_all(resources.files(__package__).joinpath("models").iterdir()))


def find_model(name: str, models: Iterable[KnownModel]) -> KnownModel:
    """Return the model with this name or alias, or at this path of a GGUF file or config.json.

    Raises UnknownPartError (with the nearest names), AmbiguousPartError (with the candidates) or,
    for a file, ModelFileError.
    """
    if name.casefold().endswith((".gguf", ".json", ".toml")):
        return read_model_file(Path(name))
    listed = list(models)
    wanted = _plain(name)
    exact = [x for x in listed if wanted in _names(x)]
    if len(exact) == 1:
        return exact[0]
    words = frozenset(wanted.split())
    within = exact or [x for x in listed if words and words <= frozenset(_plain(x.name).split())]
    if len(within) > 1:
        names = [x.name for x in within]
        more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
        raise AmbiguousPartError(
            f"{name[:80]!r} could be any of: {'; '.join(names[:_MOST_LISTED])}{more}. "
            "Name one of them"
        )
    by_name = {_plain(x.name): x.name for x in listed}
    near = [x.name for x in within] or [
        by_name[n] for n in difflib.get_close_matches(wanted[:80], by_name, n=3)
    ]
    hint = f"; the nearest are: {', '.join(near)}" if near else ""
    raise UnknownPartError(
        f"no model {name[:80]!r} is known{hint}; give one of `shiomi rig fit`, or the path of a "
        "GGUF file or config.json"
    )


def read_model_file(path: Path) -> KnownModel:
    """Return a model from a GGUF file, a config.json or a TOML file as in models/.

    Raises ModelFileError if it is not a model file, or cannot be read.
    """
    kind = path.suffix.casefold()
    if kind == ".gguf":
        return KnownModel(read_gguf(path))
    if kind == ".toml":
        return _read(path)
    folder = path.resolve().parent.name
    name = folder if path.name == "config.json" and folder else path.stem
    return KnownModel(read_config(path, name=name))


def _read_all(files: Iterable[Traversable]) -> list[KnownModel]:
    names = [file for file in files if file.name.endswith((".toml", ".json"))]
    if len(names) > _MOST_FILES:
        raise ModelFileError(f"{len(names)} model files are more than {_MOST_FILES}")
    return [_read(file) for file in names]


def _read(file: Traversable) -> KnownModel:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ModelFileError(f"{file.name} has more than {_MOST_BYTES} bytes")
    except OSError as error:
        raise ModelFileError(f"{file.name} cannot be read: {error.strerror}") from error
    return model_of(_toml(file.name, data), file.name)


def _toml(name: str, data: bytes) -> dict[str, Any]:
    """Decode a model's file: TOML, or JSON with the same keys."""
    try:
        text = data.decode("utf-8")
        said: dict[str, Any] = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} is not TOML in UTF-8: {error}") from error
    if not isinstance(said, dict):
        raise ModelFileError(f"{name} must hold one object")
    return said


def model_of(said: Mapping[str, Any], name: str) -> KnownModel:
    """Return the model of a decoded file; raise ModelFileError with its `name` if it is not one."""
    _check(name, said)
    model = read_config(said["config"], name=said["name"])
    if "parameters" in said:
        check_parameters(model, said["parameters"])
    return KnownModel(
        model=replace(model, source=said["source"], quantisation=None),
        aliases=tuple(said.get("aliases", ())),
        released=said.get("released"),
        licence=said.get("licence"),
        languages=tuple(said.get("languages", ())),
        purposes=tuple(said.get("purposes", ("chat",))),
        quantisations=tuple(find_quantisation(x).name for x in said.get("quantisations", ())),
    )


def _check(name: str, said: Mapping[str, Any]) -> None:
    """Raise ModelFileError if a key is unknown or missing, or if its value has the wrong type."""
    for key, value in said.items():
        if key not in _KEYS:
            hint = nearest(key, _KEYS)
            raise ModelFileError(f"{name} has an unknown key {key[:40]!r}; {hint}")
        wrong = not isinstance(value, _KEYS[key]) or isinstance(value, bool)
        if wrong or (_KEYS[key] is list and not all(isinstance(x, str) for x in value)):
            raise ModelFileError(f"{name}: {key} = {str(value)[:40]!r} has the wrong type")
    for key in _NEEDED:
        if not said.get(key):
            raise ModelFileError(f"{name} has no {key}; copy a file of models/ and fill it in")
    if "released" in said and not _MONTH.fullmatch(said["released"]):
        raise ModelFileError(
            f"{name}: released must be a month like 2025-04, got {said['released'][:40]!r}"
        )
    for purpose in said.get("purposes", ()):
        if purpose not in PURPOSES:
            known = ", ".join(PURPOSES)
            raise ModelFileError(f"{name}: a purpose must be one of {known}, got {purpose[:40]!r}")


def _names(known: KnownModel) -> set[str]:
    """Return all its names, including the aliases without the owner of the repository."""
    names = (known.name, *known.aliases, *(x.rpartition("/")[2] for x in known.aliases))
    return {_plain(x) for x in names}


def _plain(name: str) -> str:
    """Normalise a name: `Qwen3 8B`, `qwen3:8b` and `Qwen3-8B` become equal."""
    text = unicodedata.normalize("NFKC", name[:200]).casefold()
    return " ".join(re.findall(r"[a-z0-9.]+", text))
