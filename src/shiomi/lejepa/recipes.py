"""Read configurations from TOML: a published recipe by name, a user's file, or a run's `run.toml`.

    shiomi lejepa pretrain photos --out run --recipe minimal --epochs 100
    shiomi lejepa pretrain photos --out again --config run/run.toml

An option on the command line overrides the file, and the file overrides the recipe.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from shiomi.lejepa.config import PretrainConfig, Training, flat
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.views import Augmentations
from shiomi.toml_file import nearest

__all__ = ["Recipe", "configured", "read_config_file", "recipe", "recipe_names", "to_toml"]


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """A published recipe."""

    name: str
    about: str
    """Data, encoder and reported accuracy."""
    source: str
    not_stated: tuple[str, ...]
    """Settings that no public text states; the defaults are used for them."""
    values: Mapping[str, Any]
    """Values in the form that `configured` takes."""


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes."""
    return tuple(_recipes())


def recipe(name: str) -> Recipe:
    """Return the recipe of that name. Raises InputError if there is none."""
    if name not in _recipes():
        raise InputError(f"no recipe {name!r}; {nearest(name, _recipes())}")
    values = dict(_recipes()[name])
    about, source, missing = (values.pop(key) for key in ("about", "source", "not_stated"))
    return Recipe(name, about, source, tuple(missing), values)


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the values of a TOML file.

    Raises InputError if it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise InputError(f"the configuration {path} cannot be read: {reason}") from None


def configured(*layers: Mapping[str, Any], where: str = "the configuration") -> PretrainConfig:
    """Return the configuration of several layers of values. Later layers override earlier ones.

    A layer has the field names of `PretrainConfig`, and the tables `training` and `augmentations`.

    Raises
    ------
    InputError
        A name is unknown, `images` is missing, or a value is out of range.
    """
    parts: dict[str, dict[str, Any]] = {"": {}, "training": {}, "augmentations": {}}
    for layer in layers:
        for key, value in layer.items():
            if key not in ("training", "augmentations"):
                parts[""][key] = _value(value)
            elif isinstance(value, Mapping):
                parts[key].update({name: _value(one) for name, one in value.items()})
            else:
                raise InputError(f"{where}: [{key}] must be a table, got {value!r}")
    for (table, values), kind in zip(
        parts.items(), (PretrainConfig, Training, Augmentations), strict=True
    ):
        known = {field.name for field in dataclasses.fields(kind)}
        for name in values.keys() - known:
            full = f"{table}.{name}" if table else name
            raise InputError(f"{where}: no setting {full}; {nearest(name, known)}")
    if "images" not in parts[""]:
        raise InputError(f"{where}: `images` is missing; give the address of the images")
    drawn = parts["augmentations"]
    return PretrainConfig(
        **parts[""],
        training=Training(**parts["training"]),
        augmentations=Augmentations(**drawn) if drawn else None,
    )


def to_toml(config: PretrainConfig) -> str:
    """Return `config` as TOML for `read_config_file`. Values that are None are left out."""
    tables: dict[str, list[str]] = {"": [], "training": [], "augmentations": []}
    for key, value in flat(config).items():
        table, _, name = key.rpartition(".")
        if value is not None:
            tables[table].append(f"{name} = {_toml(value)}")
    return "".join(
        (f"\n[{table}]\n" if table else "") + "".join(f"{line}\n" for line in lines)
        for table, lines in tables.items()
        if lines
    )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


@functools.cache
def _recipes() -> dict[str, dict[str, Any]]:
    return tomllib.loads((resources.files(__package__) / "recipes.toml").read_text("utf-8"))
