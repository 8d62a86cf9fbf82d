"""The tables of canonical_url.toml as plain data, read once at first use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from shiomi.digest.errors import LinkingError
from shiomi.toml_file import load_toml

__all__ = ["Site", "UrlRules", "Wrapper", "load_url_rules", "parse_url_rules"]


@dataclass(frozen=True, slots=True)
class Site:
    """The rules for the addresses of some hosts. The fields have the names of the file's keys."""

    name: str = ""
    keep: frozenset[str] | None = None  # None: all parameters except those for tracking
    drop: frozenset[str] = frozenset()
    lower: int = 0
    fragment: bool | None = None  # None: the table [fragments] decides
    rewrite: tuple[tuple[re.Pattern[str], str], ...] = ()  # the group \1 is written {1}
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Hosts whose pages show another page or lead to it, and the place of the other page's
    address."""

    name: str
    path: re.Pattern[str]  # for "/path?query#fragment"; without `parameter`, group 1 is the address
    parameter: tuple[str, ...] = ()
    decode: bool = False  # the address in group 1 is percent-encoded
    home_page: bool = True  # False: a wrapped address without a path is not unwrapped


@dataclass(frozen=True, slots=True)
class UrlRules:
    """All data of canonical_url(). Sites and wrappers have the keys "host" or ".parent"."""

    drop: frozenset[str]
    drop_short: frozenset[str]
    drop_starting: tuple[str, ...]
    drop_pairs: frozenset[str]
    fragment: re.Pattern[str]  # for "/path#fragment": the fragment is kept if all of it matches
    same_host: Mapping[str, str]
    sites: Mapping[str, Site]
    wrappers: Mapping[str, tuple[Wrapper, ...]]
    examples: tuple[tuple[str, str], ...] = field(repr=False)


@cache
def load_url_rules() -> UrlRules:
    """Load the rules that ship with Shiomi. Raises LinkingError if the installation is damaged."""
    table = resources.files(__package__).joinpath("canonical_url.toml")
    try:
        return parse_url_rules(table.read_text(encoding="utf-8"))
    except OSError as error:
        raise LinkingError(
            f"canonical_url.toml cannot be read ({error}); reinstall shiomi"
        ) from None


def parse_url_rules(text: str) -> UrlRules:
    """Read the tables. Raises LinkingError with the name of the wrong rule."""
    table = load_toml(text, LinkingError, "canonical_url.toml")
    try:
        parameters = table["parameters"]
        sites = [(entry["hosts"], _site(entry)) for entry in table["site"]]
        wrappers = [(entry["hosts"], _wrapper(entry)) for entry in table["wrapper"]]
        return UrlRules(
            drop=frozenset(parameters["drop"]),
            drop_short=frozenset(parameters["drop_short"]),
            drop_starting=tuple(parameters["drop_starting"]),
            drop_pairs=frozenset(parameters["drop_pairs"]),
            fragment=_pattern("|".join(table["fragments"]["keep"]), "fragments"),
            same_host=dict(table["same_host"]),
            sites=_sites_by_host(sites),
            wrappers=_wrappers_by_host(wrappers),
            examples=tuple(example for _, site in sites for example in site.examples),
        )
    except KeyError as error:
        raise LinkingError(f"canonical_url.toml lacks {error}") from None


def _sites_by_host(sites: list[tuple[list[str], Site]]) -> dict[str, Site]:
    table: dict[str, Site] = {}
    for hosts, site in sites:
        for host in hosts:
            if table.setdefault(host.removeprefix("*"), site) is not site:
                raise LinkingError(f"canonical_url.toml has two sites for {host}; keep one")
    return table


def _wrappers_by_host(
    wrappers: list[tuple[list[str], Wrapper]],
) -> dict[str, tuple[Wrapper, ...]]:
    table: dict[str, tuple[Wrapper, ...]] = {}
    for hosts, wrapper in wrappers:
        for key in (host.removeprefix("*") for host in hosts):
            table[key] = (*table.get(key, ()), wrapper)
    return table


def _pattern(pattern: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise LinkingError(f"canonical_url.toml, {name}: {pattern!r}: {error}") from None


def _site(entry: dict[str, Any]) -> Site:
    name = entry["name"]
    keep = entry.get("keep")
    return Site(
        name=name,
        keep=None if keep is None else frozenset(keep),
        drop=frozenset(entry.get("drop", ())),
        lower=entry.get("lower", 0),
        fragment=entry.get("fragment"),
        rewrite=tuple(
            (_pattern(old, name), _template(new)) for old, new in entry.get("rewrite", ())
        ),
        examples=tuple((url, key) for url, key in entry.get("examples", ())),
    )


def _template(replacement: str) -> str:
    r"""Write \1 as {1} for str.format, which is much faster than re.Match.expand."""
    return re.sub(r"\\(\d)", r"{\1}", replacement)


def _wrapper(entry: dict[str, Any]) -> Wrapper:
    return Wrapper(
        name=entry["name"],
        path=_pattern(entry["path"], entry["name"]),
        parameter=tuple(entry.get("parameter", ())),
        decode=entry.get("decode", False),
        home_page=entry.get("home_page", True),
    )
