"""A policy as configuration for Caddy (2.6 or later): a snippet of `map`, `vars` and `respond`.

Caddy uses Go's regular expressions. They have no lookahead or lookbehind, and their matching time
grows with the number of alternatives that are active at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from shiomi.gate.errors import CompileError
from shiomi.gate.native.path_regex import decoded_regex
from shiomi.gate.native.plan import Plan, path_word
from shiomi.gate.native.site_files import site_files
from shiomi.gate.native.tame import tame
from shiomi.gate.policy import Action, Policy
from shiomi.gate.signals import own_headers

__all__ = ["caddy_files"]


def caddy_files(plan: Plan, *, folder: str) -> dict[str, str]:
    """Return the files by name: `gate.caddy`, which defines the snippet `(gate)`, and robots.txt.

    Parameters and errors are the same as for `nginx_files`.
    """
    lines = [
        "(gate) {",
        *(f"    {line}" for line in _headers(plan.policy)),
        "    route {",
        *(f"        {line}" for line in _rules(plan, folder)),
        "    }",
        "}",
    ]
    text = "\n".join(lines) + "\n"
    return {"gate.caddy": text} | {file.name: file.text for file in site_files(plan.policy)}


def quoted(text: str) -> str:
    """Return a text as one word. A Caddyfile cannot escape quotation marks, braces and `\\`."""
    if any(ord(character) < 0x20 or character in '"\\{}' for character in text):
        raise CompileError(f"a Caddyfile cannot contain {text[:80]!r}")
    return f'"{text}"'


def quoted_regex(pattern: str) -> str:
    """Return a regular expression as one word, in which backslashes are literal."""
    return f'"{tame(pattern)}"'


def _rules(plan: Plan, folder: str) -> Iterator[str]:
    yield from _agents(plan)
    yield from _paths(plan)
    yield from _networks(plan)
    yield from _verdicts(plan)
    for file in site_files(plan.policy):
        name = f"@gate_{file.name.replace('.', '_')}"
        yield f"{name} {{"
        yield f"    path_regexp {quoted_regex(decoded_regex([file.path]))}"
        yield '    expression `{gate_verdict} == "allow"`'
        yield "}"
        yield f"handle {name} {{"
        yield f"    root * {quoted(folder)}"
        yield f"    rewrite * /{file.name}"
        yield f"    header Content-Type {file.media_type}"
        yield "    file_server"
        yield "}"
    refused = {Action.DENY, Action.TARPIT} & {outcome.action for outcome in plan.outcomes}
    if refused:
        words = " || ".join(f'{{gate_verdict}} == "{action.value}"' for action in sorted(refused))
        yield f"@gate_refused expression `{words}`"
        yield 'respond @gate_refused "Forbidden" 403'


def _agents(plan: Plan) -> Iterator[str]:
    """Yield the lookup of the User-Agent's kind. Caddy joins several headers with commas."""
    agents = plan.agents
    agent = "{http.request.header.User-Agent}"
    yield f"map {agent} {{gate_screened}} {{"
    if agents.plain_screen:
        yield f"    {quoted_regex('~(?i)' + agents.plain_screen)} named"
    if agents.plain_browsers:
        yield f"    {quoted_regex('~(?i)' + agents.plain_browsers)} {agents.usual}"
    yield f"    default {agents.unknown}"
    yield "}"
    yield "vars gate_kind {gate_screened}"
    yield '@gate_named expression `{gate_screened} == "named"`'
    yield "route @gate_named {"
    yield f"    map {agent} {{gate_name}} {{"
    for regex, kind in agents.plain_runs:
        yield f"        {quoted_regex('~(?i)' + regex)} {kind}"
    yield f"        default {agents.unknown}"
    yield "    }"
    yield "    vars gate_kind {gate_name}"
    yield "}"


def _paths(plan: Plan) -> Iterator[str]:
    """Yield the lookup of the path's rule. `path_regexp` gets the resolved path; `{path}` is
    decoded once but not resolved."""
    rules = sorted(plan.rules.items())
    yield "map {path} {gate_sent} {"
    yield r'    "~(?s)^/\.well-known/(?:.*/)?(?:/.*|\.{1,2}(?:/.*)?)$" p'
    yield r'    "~(?s)^/\.well-known/.*[%\x3b\x5c]" p'
    for number, rule in rules:
        yield f"    {quoted_regex('~' + decoded_regex(rule))} {path_word(number)}"
    yield "    default p"
    yield "}"
    yield "vars gate_path p"
    for number, rule in reversed(rules):  # the last directive that sets the variable wins
        word = path_word(number)
        yield f"@gate_{word} path_regexp {quoted_regex(decoded_regex(rule))}"
        yield f"vars @gate_{word} gate_path {word}"


def _networks(plan: Plan) -> Iterator[str]:
    yield "vars gate_network n"
    for number, networks in reversed(list(enumerate(plan.networks.values()))):
        yield f"@gate_network{number} remote_ip {' '.join(networks)}"
        yield f"vars @gate_network{number} gate_network n{number}"
    yield "vars gate_class {http.vars.gate_kind}"
    for kind, verified in plan.verified.items():
        yield f'@gate_{kind} expression `{{http.vars.gate_kind}} == "{kind}"`'
        yield f"vars @gate_{kind} gate_class {verified.outside}"
        yield f"@gate_{kind}_proven {{"
        yield f'    expression `{{http.vars.gate_kind}} == "{kind}"`'
        yield f"    remote_ip {' '.join(plan.ranges[kind])}"
        yield "}"
        yield f"vars @gate_{kind}_proven gate_class {verified.inside}"


def _verdicts(plan: Plan) -> Iterator[str]:
    for name, path in (("resolved", "{http.vars.gate_path}"), ("as_sent", "{gate_sent}")):
        source = f"{{http.vars.gate_network}}:{{http.vars.gate_class}}:{path}"
        yield f'map "{source}" {{gate_{name}}} {{'
        yield from (f'    "{key}" {outcome.name}' for key, outcome in plan.rows)
        yield "    default deny"
        yield "}"
    yield 'map "{gate_resolved}:{gate_as_sent}" {gate_verdict} {'
    yield from (f'    "{key}" {outcome.name}' for key, outcome in plan.pairs)
    yield "    default deny"
    yield "}"


def _headers(policy: Policy) -> Iterator[str]:
    for name, value in own_headers(policy):
        yield f"header {name} {quoted(value)}"
