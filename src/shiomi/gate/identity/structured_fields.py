"""Structured Field Values for HTTP (RFC 9651, formerly RFC 8941): the part that signatures use.

The parser reads dictionaries whose members are items or inner lists of items, each with parameters.
The headers `Signature-Input`, `Signature` and `Signature-Agent` have this form. They contain no
dates, display strings or decimals, so these types are refused.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field

__all__ = ["Bare", "InnerList", "Item", "Member", "Token", "parse_dictionary", "serialise"]


class Token(str):
    """A structured-field token: a word without quotes."""

    __slots__ = ()


Bare = int | str | bytes | bool  # a Token is a subclass of str
Parameters = dict[str, Bare]


@dataclass(frozen=True, slots=True)
class Item:
    """A bare item and its parameters."""

    value: Bare
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """A list of items in parentheses, and the parameters of the list."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=dict)


Member = Item | InnerList

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN = re.compile(r"\?([01])")
_SPACES = re.compile(" *")
_COMMA = re.compile("[ \t]*,[ \t]*")
_END = re.compile(r"[ \t]*\Z")


class _Text:
    """A text and the position of the reader in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def takes(self, sign: str) -> bool:
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def wrong(self, needed: str) -> ValueError:
        return ValueError(f"at character {self.at + 1}: {needed} is needed")


def parse_dictionary(text: str) -> dict[str, Member]:
    """Return the members of a dictionary by key; if a key is repeated, the last member counts.

    Raises
    ------
    ValueError
        The text is not such a dictionary; the message gives the position of the error.
    """
    source = _Text(text.strip(" "))
    members: dict[str, Member] = {}
    if not source.text:
        return members
    while True:
        key = source.take(_KEY)
        if not key:
            raise source.wrong("a key")
        members.pop(key[0], None)
        if source.takes("="):
            members[key[0]] = _inner_list(source) if source.takes("(") else _item(source)
        else:
            members[key[0]] = Item(True, _parameters(source))
        if source.take(_END):
            return members
        if not source.take(_COMMA):
            raise source.wrong("a comma")


def _inner_list(source: _Text) -> InnerList:
    items: list[Item] = []
    while True:
        source.take(_SPACES)
        if source.takes(")"):
            return InnerList(tuple(items), _parameters(source))
        if items and source.text[source.at - 1] != " ":
            raise source.wrong("a blank")
        items.append(_item(source))


def _item(source: _Text) -> Item:
    return Item(_bare(source), _parameters(source))


def _parameters(source: _Text) -> Parameters:
    parameters: Parameters = {}
    while source.takes(";"):
        source.take(_SPACES)
        key = source.take(_KEY)
        if not key:
            raise source.wrong("a parameter's name")
        parameters.pop(key[0], None)
        parameters[key[0]] = _bare(source) if source.takes("=") else True
    return parameters


def _bare(source: _Text) -> Bare:
    if found := source.take(_STRING):
        return re.sub(r"\\(.)", r"\1", found[1])
    if found := source.take(_INTEGER):
        return int(found[0])
    if found := source.take(_BYTES):
        try:
            return b64decode(found[1] + "=" * (-len(found[1]) % 4), validate=True)
        except NotBase64:
            raise source.wrong("base64") from None
    if found := source.take(_BOOLEAN):
        return found[1] == "1"
    if found := source.take(_TOKEN):
        return Token(found[0])
    raise source.wrong("a string, a number, bytes, a boolean or a token")


def serialise(member: Member) -> str:
    """Return the text of a member in its canonical form (RFC 9651, 4.1)."""
    if isinstance(member, Item):
        return _written(member.value) + _written_parameters(member.parameters)
    items = " ".join(serialise(item) for item in member.items)
    return f"({items}){_written_parameters(member.parameters)}"


def _written(value: Bare) -> str:
    if value is True or value is False:
        return "?1" if value else "?0"
    if isinstance(value, bytes):
        return f":{b64encode(value).decode()}:"
    if isinstance(value, Token | int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written_parameters(parameters: Parameters) -> str:
    return "".join(
        f";{key}" if value is True else f";{key}={_written(value)}"
        for key, value in parameters.items()
    )
