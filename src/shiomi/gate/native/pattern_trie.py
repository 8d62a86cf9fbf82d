"""Merge many patterns into few regular expressions that a backtracking engine (PCRE2) runs fast.

With an alternation of 1,498 patterns, such an engine tries every pattern at every position of a
User-Agent. Here the patterns are merged into a trie by their first characters, and a lookahead with
a class of characters precedes every few branches. Then the engine needs only a few comparisons per
position. The part of a pattern after its literal beginning is kept unchanged.

The expressions must be matched without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

__all__ = ["plain_trie_regex", "trie_regexes"]

_SPECIAL = frozenset(".^$*+?()[]{}|\\")
_QUANTIFIERS = frozenset("*+?{")
_BY_NUMBER = " ;%#'\"`{"  # see `shiomi.gate.native.tame`
_AROUND = 16  # characters that may surround a branch
_BRANCHES = 3  # the number of character classes tested one after the other before a branch is tried
_LEAF = 4  # up to this number of branches, all branches are tried directly
_FOLDS = 4  # a class with more letters than this is not expanded
_WAYS = 32  # the largest number of prefixes in one pattern
_WHERE = ("", "^", r"\b")  # allowed before the literal beginning


@dataclass(slots=True)
class _Node:
    """Patterns that share a beginning.

    A node has a branch for each next character. It also has the rests of the patterns whose literal
    beginning ends at this node.
    """

    children: dict[str, _Node] = field(default_factory=dict)
    tails: list[str] = field(default_factory=list)  # "" where a pattern ends here

    def add(self, literal: str, tail: str) -> None:
        node = self
        for character in literal:
            node = node.children.setdefault(character, _Node())
        if tail not in node.tails:
            node.tails.append(tail)

    @property
    def ends(self) -> bool:
        return "" in self.tails


def trie_regexes(patterns: Iterable[str], *, limit: int | None = None) -> list[str]:
    """Return PCRE2 expressions that together match the same as `patterns`, ignoring case.

    `limit` is the most characters in one expression after escaping; None: all patterns are put into
    one expression. A single pattern that is longer is returned unchanged.
    """
    found = [
        f"{where}(?:{piece})"
        for where, root in _roots(patterns)
        for piece in _pieces(root, None if limit is None else limit - len(where) - 8)
    ]
    return found if limit is not None or not found else ["|".join(found)]


def plain_trie_regex(patterns: Iterable[str]) -> str:
    """Return one expression like `trie_regexes`, but without lookahead and lookbehind.

    This form is for Go's engine. That engine follows all branches at once, so the trie makes it
    faster: a trie has fewer branches than a list of patterns.
    """
    return "|".join(
        f"{where}(?:{_emit(root, lookaround=False)})"
        for where, root in _roots(patterns, lookaround=False)
    )


def _roots(patterns: Iterable[str], *, lookaround: bool = True) -> Iterator[tuple[str, _Node]]:
    roots = {where: _Node() for where in _WHERE}
    for pattern in patterns:
        for where, literal, tail in _heads(pattern, lookaround):
            roots[where].add(literal, tail)
    return ((where, root) for where, root in roots.items() if root.children or root.tails)


def _pieces(node: _Node, limit: int | None) -> Iterator[str]:
    """Yield the node's expression, cut at its branches into parts within the limit."""
    whole = _emit(node)
    if limit is None or _length(whole) <= limit or node.ends:
        yield whole
    elif len(node.children) + len(node.tails) > 1:
        part, length = _Node(), 0
        for branch in _branches(node):
            more = _length(_emit(branch)) + _AROUND
            if length and length + more > limit:
                yield from _pieces(part, limit)
                part, length = _Node(), 0
            part = _Node({**part.children, **branch.children}, part.tails + branch.tails)
            length += more
        yield from _pieces(part, limit)
    elif node.tails:
        yield whole
    else:
        ((character, child),) = node.children.items()
        for piece in _pieces(child, limit - 6):
            yield f"{_escaped(character)}(?:{piece})"


def _length(regex: str) -> int:
    """Return the length if `\\` is doubled and each character of _BY_NUMBER is written as \\xHH."""
    return len(regex) + regex.count("\\") + 4 * sum(map(regex.count, _BY_NUMBER))


def _branches(node: _Node) -> Iterator[_Node]:
    for character, child in sorted(node.children.items()):
        yield _Node({character: child})
    for tail in node.tails:
        yield _Node({}, [tail])


def _emit(node: _Node, lookaround: bool = True) -> str:
    """Return the node's expression, without brackets around its alternatives."""
    if node.ends:
        return ""
    branches = [
        (character, _escaped(character) + _grouped(child, lookaround))
        for character, child in sorted(node.children.items())
    ]
    tails = [f"(?:{tail})" for tail in node.tails]
    return "|".join([*([_dispatch(branches, lookaround)] if branches else []), *tails])


def _grouped(node: _Node, lookaround: bool) -> str:
    inner = _emit(node, lookaround)
    single = node.ends or len(node.children) + len(node.tails) == 1
    return inner if single else f"(?:{inner})"


def _dispatch(branches: Sequence[tuple[str, str]], lookaround: bool) -> str:
    """Return the branches in small groups, each behind a class of its first characters."""
    if len(branches) <= _LEAF or not lookaround:
        return "|".join(text for _, text in branches)
    size = -(-len(branches) // _BRANCHES)
    groups = []
    for start in range(0, len(branches), size):
        part = branches[start : start + size]
        members = "".join(_in_class(character) for character, _ in part)
        groups.append(f"(?=[{members}])(?:{_dispatch(part, lookaround)})")
    return "|".join(groups)


def _escaped(character: str) -> str:
    return "\\" + character if character in _SPECIAL else character


def _in_class(character: str) -> str:
    return "\\" + character if character in "\\]^-[" else character


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a pattern, as far as it has been read."""

    where: str = ""  # one of _WHERE
    behind: str = ""  # a class of characters that must precede the literal
    literal: str = ""  # in lower case
    ways: int = _WAYS  # the number of branches that are still allowed

    @property
    def empty(self) -> bool:
        return not (self.where or self.behind or self.literal)

    def tail(self, rest: str) -> str:
        """Return the pattern for the text after the literal."""
        if not self.behind:
            return rest
        if not self.literal:
            return self.behind + rest
        literal = "".join(_escaped(character) for character in self.literal)
        return f"(?<={self.behind}{literal}){rest}"


def _heads(pattern: str, lookaround: bool) -> Iterator[tuple[str, str, str]]:
    """Yield (where, literal beginning, rest) for every way in which the pattern may begin."""
    for alternative in _alternatives(pattern):
        for head, rest in _read(_Head(), alternative, lookaround):
            yield head.where, head.literal, head.tail(rest)


def _read(head: _Head, rest: str, lookaround: bool) -> Iterator[tuple[_Head, str]]:
    """Read on from `head` while the next element is a literal or a choice of a few literals."""
    while rest:
        anchor = next((one for one in ("^", r"\b") if rest.startswith(one)), None)
        if anchor is not None:
            if not head.empty:
                break
            head, rest = replace(head, where=anchor), rest[len(anchor) :]
            continue
        choices, after = _choices(rest)
        if choices is None and lookaround and head.empty and rest[0] == "[":
            length = _class_length(rest)
            if rest[length : length + 1] not in _QUANTIFIERS:
                head, rest = replace(head, behind=rest[:length]), rest[length:]
                continue
        if choices is None or len(choices) > head.ways:
            break
        if len(choices) > 1 or rest[0] == "(":
            ways = head.ways // len(choices)
            for choice in choices:
                yield from _read(replace(head, ways=ways), choice + after, lookaround)
            return
        head, rest = replace(head, literal=head.literal + choices[0].lower()), after
    yield head, rest


def _choices(rest: str) -> tuple[list[str] | None, str]:
    """Return the alternatives of the first element, and the rest of the pattern.

    A literal character is returned without its backslash. The alternatives are None if the element
    is repeated, or is not a literal, a group or a class of a few letters.
    """
    choices: list[str] | None = None
    first, length = rest[0], 1
    if first == "\\":
        length = 2
        choices = [rest[1]] if len(rest) > 1 and not rest[1].isalnum() else None
    elif first == "[":
        length = _class_length(rest)
        members = rest[1 : length - 1]
        letters = sorted(set(members.lower()))
        if members.isalnum() and members.isascii() and len(letters) <= _FOLDS:
            choices = letters
    elif first == "(":
        length = _closing(rest) + 1
        start = 3 if rest.startswith("(?:") else 1
        if start == 3 or not rest.startswith("(?"):
            choices = _alternatives(rest[start : length - 1])
    elif first not in _SPECIAL and first.isascii():
        choices = [first]
    if rest[length : length + 1] and rest[length] in _QUANTIFIERS:
        choices = None
    return choices, rest[length:]


def _class_length(rest: str) -> int:
    """Return the length of the class at the start of `rest`. A "]" at its beginning is a member."""
    place = 2 if rest[1:2] == "^" else 1
    place += rest[place : place + 1] == "]"
    while place < len(rest) and rest[place] != "]":
        place += 2 if rest[place] == "\\" else 1
    return place + 1


def _closing(rest: str) -> int:
    """Return the index at which the group that opens at the beginning of `rest` closes."""
    depth = 0
    for place, character in _operators(rest):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return place
    return len(rest)


def _alternatives(pattern: str) -> list[str]:
    """Return the parts of the pattern between those `|` that are outside groups and classes."""
    cuts, depth = [-1], 0
    for place, character in _operators(pattern):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            cuts.append(place)
    cuts.append(len(pattern))
    return [pattern[start + 1 : end] for start, end in pairwise(cuts)]


def _operators(pattern: str) -> Iterator[tuple[int, str]]:
    """Yield the characters that are neither escaped nor in a class, and their positions."""
    place = 0
    while place < len(pattern):
        if pattern[place] == "[":
            place += _class_length(pattern[place:])
        elif pattern[place] == "\\":
            place += 2
        else:
            yield place, pattern[place]
            place += 1
