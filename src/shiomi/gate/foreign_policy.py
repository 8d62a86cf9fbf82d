"""Convert a policy of Anubis or go-away into a policy of the gate.

Both are YAML. Rules on paths and on addresses are carried over. Rules on User-Agents are not,
because the gate has its own lists. A rule is also left out if it refuses only clients that the
default policy already refuses. All other settings are reported as not carried over: weights,
thresholds, countries, networks by number (ASN), expressions on other headers, the choice of the
challenge, and storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shiomi.extras import needs_extra
from shiomi.gate.addresses import parse_prefix
from shiomi.gate.errors import DataError, MissingError, PolicyError
from shiomi.gate.identity import Tables
from shiomi.gate.policy import Action, Policy, default_policy_text, parse_policy
from shiomi.gate.text_file import read_text

__all__ = ["Imported", "import_policy"]

_COVERED = (  # prefixes of Anubis's own rules that the gate's default policy also has
    "(data)/bots/ai-", "(data)/bots/_deny-pathological", "(data)/meta/ai-block-",
    "(data)/crawlers/", "(data)/common/keep-internet-working", "(data)/clients/",
)  # fmt: skip
_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-~@%,;:=!& ")
_MOST = 32  # the most patterns that are made from one expression
_PATH = re.compile(r'path\.(startsWith|endsWith|contains)\("([^"\\]+)"\)|path\s*==\s*"([^"\\]+)"')
_NETWORK = re.compile(r'remoteAddress\.network\("([^"\\]+)"\)')
_ACTIONS = {
    "ALLOW": "allow", "PASS": "allow", "DENY": "deny", "BLOCK": "deny", "DROP": "deny",
    "CHALLENGE": "challenge", "CHECK": "challenge",
}  # fmt: skip


@dataclass
class Imported:
    """A policy in the gate's own form.

    Attributes
    ----------
    text
        The default policy and the rules that were carried over, as TOML.
    carried, covered, missing
        Three groups of rules by name: the rules that were written, the rules that the default
        policy already contains, and the rules that could not be carried over (with the reason).
    """

    text: str = ""
    carried: list[str] = field(default_factory=list)
    covered: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


def import_policy(kind: str, path: Path, tables: Tables) -> Imported:
    """Return the policy in a file of "anubis" or "go-away".

    Raises
    ------
    MissingError
        PyYAML is not installed.
    DataError
        The file cannot be read, or is not such a policy.
    """
    try:
        import yaml
    except ImportError:
        raise MissingError(needs_extra("shiomi gate import", "yaml", "gate")) from None
    try:
        document = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path} is not valid YAML: {error}") from None
    key = {"anubis": "bots", "go-away": "rules"}[kind]
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        raise DataError(f"{path} is not a policy of {kind}: it has no list {key!r}")
    writer = _Writer(tables)
    (writer.anubis if kind == "anubis" else writer.go_away)(document)
    done = writer.done
    done.text = "\n".join([default_policy_text(), *writer.lines]) + "\n"
    try:
        parse_policy(done.text)
    except PolicyError as error:
        raise DataError(f"{path}: the rules contradict each other here:\n{error}") from error
    return done


class _Writer:
    """Writes rules as TOML and keeps their order.

    The order matters, because in both formats the first matching rule counts.
    """

    def __init__(self, tables: Tables) -> None:
        self.lines: list[str] = []
        self.done = Imported()
        self._tables = tables
        self._policy = Policy()
        self._networks: dict[str, list[str]] = {}
        self._seen: set[str] = set()
        self._names: set[str] = set()

    def anubis(self, document: dict[str, Any]) -> None:
        for rule in document["bots"]:
            if not isinstance(rule, dict):
                continue
            if brought := str(rule.get("import", "")):
                self._brought(brought)
                continue
            others = ("name", "action", "challenge", "weight")
            tests = {name for name in rule if name not in others and rule[name]}
            self._rule(str(rule.get("name", "unnamed")), rule.get("action"), rule, tests)
        for name in document:
            if name != "bots" and document[name]:
                self._miss(str(name), "the gate has no such setting")

    def go_away(self, document: dict[str, Any]) -> None:
        for name, listed in (document.get("networks") or {}).items():
            given = [one.get("prefixes") or [] for one in listed or () if isinstance(one, dict)]
            self._networks[str(name)] = [str(prefix) for some in given for prefix in some]
        for rule in document["rules"]:
            if not isinstance(rule, dict):
                continue
            # Conditions are alternatives.
            conditions = [str(one) for one in rule.get("conditions") or ()]
            rules = {"expression": " || ".join(conditions)} if conditions else {}
            name = str(rule.get("name", "unnamed"))
            self._rule(name, rule.get("action"), rules, set(rules))
            if rule.get("children"):
                self._miss(f"{name}, children", "the gate has no rules inside rules")
        for name in ("challenges", "challenge-templates", "conditions"):
            if document.get(name):
                self._miss(name, "the gate has one challenge, and no expressions")

    def _brought(self, name: str) -> None:
        if name.startswith(_COVERED):
            self.done.covered.append(name)
        else:
            self._miss(name, "another file; import that file separately")

    def _rule(self, name: str, action: object, rule: dict[str, Any], tests: set[str]) -> None:
        written = _ACTIONS.get(str(action).upper())
        if written is None:
            return self._miss(name, f"action {action or 'none'}")
        if len(tests) != 1:
            together = ", ".join(sorted(tests))
            return self._miss(name, f"combines {together}" if tests else "has no condition")
        test = tests.pop()
        value = rule[test]
        if test == "path_regex":
            return self._paths(name, written, globs(str(value)))
        if test == "remote_addresses":
            return self._addresses(name, written, [str(one) for one in value])
        if test == "user_agent_regex":
            return self._agents(name, written, str(value))
        if test == "expression":
            return self._expression(name, written, value)
        return self._miss(name, f"the condition {test}")

    def _miss(self, name: str, why: str) -> None:
        self.done.missing.append((name, why))

    def _expression(self, name: str, action: str, value: Any) -> None:
        if isinstance(value, dict):
            if list(value) != ["any"]:
                return self._miss(name, "an expression with several conditions")
            value = " || ".join(map(str, value["any"]))
        patterns: list[str] = []
        addresses: list[str] = []
        for part in str(value).split("||"):
            test = part.strip().removeprefix("(").removesuffix(")") if _wrapped(part) else part
            network = _NETWORK.fullmatch(test.strip())
            path = _PATH.fullmatch(test.strip())
            if network and self._networks.get(network[1]):
                addresses += self._networks[network[1]]
            elif path:
                patterns.append(_pattern(path))
            else:
                return self._miss(name, f"the expression {part.strip()[:80]}")
        if patterns and addresses:
            return self._miss(name, "combines paths and addresses")
        if addresses:
            return self._addresses(name, action, addresses)
        return self._paths(name, action, patterns)

    def _paths(self, name: str, action: str, patterns: list[str] | None) -> None:
        if not patterns or any("*" in one.strip("*") and "**" in one for one in patterns):
            return self._miss(name, "a path that * cannot express")
        fresh = [one for one in dict.fromkeys(patterns) if one not in self._seen]
        fresh = [one for one in fresh if not one.startswith(("/.well-known/", "/robots.txt"))]
        if not fresh or action == "challenge":
            self.done.covered.append(name)
            return None
        self._seen.update(fresh)
        what = ['action = "deny"']
        if action != "deny":
            what = ["challenge = false", 'budget = "programs"']
        self.lines += ["", f"# {_comment(name)}", "[[path]]", f"match = {json.dumps(fresh)}", *what]
        self.done.carried.append(name)
        return None

    def _addresses(self, name: str, action: str, addresses: list[str]) -> None:
        good = []
        for address in addresses:
            try:
                good.append((parse_prefix(address), address))
            except ValueError:
                self._miss(name, f"the address {address}")
        named = [address for prefix, address in good if prefix[1]]
        if not named:
            return self._miss(name, "applies to every address")
        short = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "network"
        while short in self._names:
            short += "-more"
        self._names.add(short)
        self.lines += ["", "[[network]]", f'name = "{short}"', f"addresses = {json.dumps(named)}"]
        self.lines.append(f'action = "{action}"')
        self.done.carried.append(name)
        return None

    def _agents(self, name: str, action: str, regex: str) -> None:
        words = [word for word in re.split(r"[|()]", regex.replace("(?i:", "")) if word]
        names = [re.sub(r"\\b|\\(.)|\.\*|[\^$]", r"\1", word).strip() for word in words]
        known = [self._ruling(one) for one in names]
        if action in ("allow", "deny") and all(ruled is not None for ruled in known):
            wanted = (Action.DENY,) if action == "deny" else (Action.ALLOW, Action.BUDGET)
            if all(ruled in wanted for ruled in known):
                self.done.covered.append(name)
                return None
        return self._miss(name, f"User-Agents: {regex[:80]}")

    def _ruling(self, agent: str) -> Action | None:
        """Return the default policy's action for a client; None if no list has its name."""
        client = self._tables.agents.client(f"{agent}/1.0")
        if client.name.startswith("unnamed") or not client.name:
            return None
        return self._policy.purposes[client.purpose].unverified


def globs(regex: str) -> list[str] | None:
    """Return path patterns that match the same paths as a regular expression.

    The result is None if that is impossible. The expression may contain literals, escapes, `.*`,
    `.+`, groups of literals, and `?` after one of these.
    """
    anchored, ended = regex.startswith("^"), regex.endswith("$") and not regex.endswith("\\$")
    body = regex[anchored : len(regex) - ended]
    found = [""]
    for part in _parts(body):
        if part is None:
            return None
        found = [before + one for before in found for one in part]
        if len(found) > _MOST:
            return None
    whole = (f"{'' if anchored else '*'}{one}{'' if ended else '*'}" for one in found)
    patterns = [re.sub(r"\*+", "*", one) for one in whole]
    return (
        patterns if all(one.startswith(("/", "*")) and len(one) > 1 for one in patterns) else None
    )


def _parts(body: str) -> Iterator[list[str] | None]:
    """Yield the alternatives for each element of an expression; None for an unknown element."""
    at = 0
    while at < len(body):
        if body.startswith((".*", ".+"), at):
            yield ["*"]
            at += 2
            continue
        if body[at] == "(":
            end = body.find(")", at)
            inner = body[at + 1 : end].removeprefix("?:") if end > 0 else "("
            options = [_unescaped(one) for one in inner.split("|")]
            at = end + 1 if end > 0 else len(body)
        elif body[at] == "\\" and at + 1 < len(body):
            options = [_unescaped(body[at : at + 2])]
            at += 2
        else:
            options = [_unescaped(body[at])]
            at += 1
        known = [one for one in options if one is not None]
        if len(known) != len(options):
            yield None
            return
        if body[at : at + 1] == "?":
            known.append("")
            at += 1
        yield known


def _unescaped(text: str) -> str | None:
    plain = re.sub(r"\\([^A-Za-z0-9])", "\0\\1", text)
    for before, one in zip("\1" + plain, plain, strict=False):
        if before != "\0" and one != "\0" and one not in _LITERAL:
            return None
    return None if "*" in plain or "?" in plain else plain.replace("\0", "")


def _wrapped(part: str) -> bool:
    text = part.strip()
    return text.startswith("(") and text.endswith(")")


def _pattern(path: re.Match[str]) -> str:
    how, text, whole = path.groups()
    return {"startsWith": f"{text}*", "endsWith": f"*{text}", "contains": f"*{text}*"}.get(
        how or "", whole or ""
    )


def _comment(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:100]


def summary(done: Imported) -> Iterable[str]:
    """Yield lines with the result of each rule."""
    yield f"carried over: {len(done.carried)} rules"
    yield f"already in the default policy: {len(done.covered)} rules"
    if done.missing:
        yield f"not carried over: {len(done.missing)}"
        yield from (f"  {name}: {why}" for name, why in done.missing)
    yield "Crawlers that the policy denies by name are denied on allowed paths too."
