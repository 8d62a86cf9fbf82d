"""Read a policy from a TOML file. An invalid value is an error that names its line.

All problems of a file are reported together, each with its line. An unknown key is reported with
the nearest known key. A contradiction is an error even if it is harmless: it shows that the
operator meant something else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from shiomi.gate.errors import PolicyError
from shiomi.gate.policy.contradictions import contradictions
from shiomi.gate.policy.policy import (
    Action,
    Budget,
    NetworkRule,
    PathRule,
    Policy,
    PurposeRule,
    Rate,
)
from shiomi.gate.purpose import Purpose
from shiomi.toml_file import TableReader, load_toml, nearest, read_settings_text

__all__ = ["default_policy_text", "load_policy", "parse_policy", "preset_text", "presets"]

_ENVIRONMENT = "env:"
_SINGULAR = {"purposes": "purpose", "paths": "path", "networks": "network", "budgets": "budget"}
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_RATE = re.compile(
    r"(\d{1,9}) *(?:/|per) *(second|minute|hour|day)(?:,? *burst *(\d{1,9}))?", re.ASCII
)
_MOST_LISTED = 20  # problems; the rest is only counted


def default_policy_text() -> str:
    """Return the default policy as a file with comments."""
    file = resources.files("shiomi.gate") / "data" / "policy.toml"
    return file.read_text(encoding="utf-8")


def presets() -> tuple[str, ...]:
    """Return the names of the kinds of sites that have a preset."""
    folder = resources.files("shiomi.gate") / "data" / "presets"
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir()))


def preset_text(name: str) -> str:
    """Return the default policy, with the rules on paths that this kind of site needs.

    Raises
    ------
    PolicyError
        No preset has this name.
    """
    if name not in presets():
        raise PolicyError(f"preset {name!r} does not exist; {nearest(name, presets())}")
    file = resources.files("shiomi.gate") / "data" / "presets" / f"{name}.toml"
    return f"{default_policy_text()}\n{file.read_text(encoding='utf-8')}"


def load_policy(path: Path, environment: Mapping[str, str] = os.environ) -> Policy:
    """Read a policy file.

    Raises
    ------
    PolicyError
        The file cannot be read, or has an error. The message names every place.
    """
    text = read_settings_text(path, f"shiomi gate policy {path}", PolicyError)
    try:
        return parse_policy(text, environment)
    except PolicyError as error:
        raise PolicyError(
            "\n".join(f"{path}: {line}" for line in str(error).splitlines())
        ) from None


def parse_policy(text: str, environment: Mapping[str, str] = os.environ) -> Policy:
    """Return the policy that the text of a policy file describes.

    Parameters
    ----------
    environment
        The environment variables for "env:NAME" values, which keep secrets out of the file.

    Raises
    ------
    PolicyError
        One line for each problem, "line 12: key: what is wrong; the remedy".
    """
    document = load_toml(text, PolicyError)
    reader = _Reader(environment)
    policy = reader.policy(document)
    problems = reader.problems or contradictions(policy, frozenset(document.get("budget", ())))
    if problems:
        raise PolicyError("\n".join(_listed(problems, text)))
    return policy


class _Reader(TableReader):
    """Collects problems as (key, message)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[tuple[str, str]] = []
        self._environment = environment

    def policy(self, document: dict[str, Any]) -> Policy:
        default = Policy()
        values: dict[str, Any] = {}
        known = [_SINGULAR.get(field.name, field.name) for field in fields(Policy)]
        for key, value in document.items():
            if key == "purpose":
                values["purposes"] = self._purposes(value, default.purposes)
            elif key == "budget":
                values["budgets"] = self._budgets(value, default.budgets)
            elif key == "path":
                values["paths"] = self.value(tuple[PathRule, ...], value, key)
            elif key == "network":
                values["networks"] = self.value(tuple[NetworkRule, ...], value, key)
            elif key in known:
                hint = get_type_hints(Policy)[key]
                values[key] = self.value(hint, value, key, getattr(default, key))
            else:
                self.unknown(key, key, known)
        keys = values["cookie"].keys if "cookie" in values else ()
        if keys:
            secrets = tuple(self._secret(text, f"cookie.keys[{n}]") for n, text in enumerate(keys))
            values["cookie"] = replace(values["cookie"], keys=secrets)
        return replace(default, **values)

    def _purposes(
        self, table: object, default: Mapping[Purpose, PurposeRule]
    ) -> Mapping[Purpose, PurposeRule]:
        rules = dict(default)
        for name, value in self._items(table, "purpose"):
            if name not in set(Purpose):
                self.unknown(name, f"purpose.{name}", Purpose)
                continue
            purpose = Purpose(name)
            rule = self.table(PurposeRule, value, f"purpose.{name}", default[purpose])
            if isinstance(value, dict) and "action" in value and "unverified" not in value:
                rule = replace(rule, unverified=rule.action.narrower(Action.BUDGET))
            rules[purpose] = rule
        return MappingProxyType(rules)

    def _budgets(self, table: object, default: Mapping[str, Budget]) -> Mapping[str, Budget]:
        budgets = dict(default)
        for name, value in self._items(table, "budget"):
            known = default.get(name, Budget())
            budgets[name] = self.table(Budget, value, f"budget.{name}", known)
        return MappingProxyType(budgets)

    def _items(self, table: object, key: str) -> Iterable[tuple[str, object]]:
        if isinstance(table, dict):
            return table.items()
        self.wrong(key, f"must be tables like [{key}.NAME], got {self.shown(key, table)}")
        return ()

    def value(self, hint: Any, value: object, key: str, default: Any = None) -> Any:
        if get_origin(hint) is UnionType:  # a type or None; a file cannot contain None
            hint = get_args(hint)[0]
        if hint is Rate:
            return self._rate(value, key)
        if hint is Action:
            return self._action(value, key)
        if get_origin(hint) is Mapping:
            return self._actions(value, key)
        return super().value(hint, value, key, default)

    def _action(self, value: object, key: str) -> Action:
        if isinstance(value, str) and value in set(Action):
            return Action(value)
        self.wrong(key, f"{self.shown(key, value)} is not an action; {nearest(str(value), Action)}")
        return Action.DENY

    def _actions(self, value: object, key: str) -> Mapping[Purpose, Action]:
        actions = {}
        for name, one in self._items(value, key):
            if name in set(Purpose):
                actions[Purpose(name)] = self._action(one, f"{key}.{name}")
            else:
                self.unknown(name, f"{key}.{name}", Purpose)
        return MappingProxyType(actions)

    def _rate(self, value: object, key: str) -> Rate | None:
        if value == "off":
            return None
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or not int(match[1]) or (match[3] and not int(match[3])):
            shown = self.shown(key, value)
            self.wrong(key, f'must be a rate like "60/minute, burst 20", or "off", got {shown}')
            return None
        amount = int(match[1])
        return Rate(amount, _SECONDS[match[2]], int(match[3] or amount))

    def _secret(self, text: str, key: str) -> str:
        if text.startswith(_ENVIRONMENT):
            variable = text.removeprefix(_ENVIRONMENT)
            if variable not in self._environment:
                self.wrong(key, f"names the environment variable {variable}, which is not set")
            text = self._environment.get(variable, "x" * 32)
        if len(text) < 32:
            self.wrong(key, "must have at least 32 characters; `openssl rand -hex 32` makes one")
        return text

    def wrong(self, key: str, what: str) -> None:
        self.problems.append((key, what))


def _listed(problems: list[tuple[str, str]], text: str) -> list[str]:
    lines = _lines(text)
    listed = []
    for key, what in problems[:_MOST_LISTED]:
        line = lines.get(key) or lines.get(key.rpartition(".")[0])
        listed.append(f"line {line}: {key}: {what}" if line else f"{key}: {what}")
    if len(problems) > _MOST_LISTED:
        listed.append(f"and {len(problems) - _MOST_LISTED} more")
    return listed


_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"""\s*(["']?)([\w.-]+)\1\s*=""")


def _lines(text: str) -> dict[str, int]:
    """Return the line number of each key in a TOML text, for messages.

    A key is found by the beginning of its line.
    """
    lines: dict[str, int] = {}
    count: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[2].replace('"', "").replace(" ", "")
            if header[1] == "[[":
                index = count.get(table, 0)
                count[table] = index + 1
                table = f"{table}[{index}]"
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}.{key[2]}" if table else key[2], number)
    return lines
