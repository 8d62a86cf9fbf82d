"""A policy as configuration for nginx (1.18 or later): `map`, `geo`, `limit_req`, `if`.

There are two files: one for the `http` block (tables) and one for the `server` block (actions). A
table is evaluated only if a request needs it, because nginx computes a variable when it is first
used, and only once per request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from shiomi.gate.errors import CompileError
from shiomi.gate.native.path_regex import ODD, always_sent, decoded_regex, sent_regex
from shiomi.gate.native.plan import Plan, path_word
from shiomi.gate.native.site_files import site_files
from shiomi.gate.native.tame import tame
from shiomi.gate.policy import Action, Policy, Rate
from shiomi.gate.signals import own_headers

__all__ = ["LONGEST_REGEX", "nginx_files"]

LONGEST_REGEX = 3900
"""Characters; a word in nginx's configuration has at most 4,096 bytes, with quotes and `\\`."""

_ZONE_MEGABYTES = 8  # size of each limit_req zone, enough for about 64,000 clients
_REFUSAL_BYTES = 400  # size of nginx's own 403 response, including its headers


def nginx_files(plan: Plan, *, folder: str, service: bool = False) -> dict[str, str]:
    """Return the files by name.

    Parameters
    ----------
    folder
        The path from which nginx will read the files; robots.txt is served from there.
    service
        Whether the configuration for `shiomi gate serve` follows. The service then counts requests
        and answers everything that nginx does not refuse.

    Raises
    ------
    CompileError
        A value, such as the folder's name, cannot be written for the server.
    """
    if plan.policy.proxies.trusted and plan.policy.proxies.header == "forwarded":
        raise CompileError(
            'nginx cannot read the header "forwarded"; let the proxy set x-forwarded-for'
        )
    levels = [] if service else _levels(plan)
    http = [*_agents(plan), *_ranges(plan), *_paths(plan), *_outcomes(plan), *_zones(plan, levels)]
    server = [*_proxies(plan), *_refusals(plan)]
    if not service:
        server += [*_headers(plan.policy), *_files(plan.policy, folder), *_limits(levels)]
    files = {"http.conf": "\n".join(http) + "\n", "server.conf": "\n".join(server) + "\n"}
    return files if service else files | {f.name: f.text for f in site_files(plan.policy)}


def quoted(text: str) -> str:
    """Return a text as one word of nginx's configuration. In values, `$` still begins a variable.

    Raises
    ------
    CompileError
        The text is too long for nginx.
    """
    word = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(word.encode()) > 4090:
        raise CompileError(
            f"nginx reads words of at most 4,090 bytes, not {len(word)}: {text[:60]!r}..."
        )
    return word


def _regex(pattern: str, *, case: bool = False) -> str:
    """Return a `map` key that is a regular expression."""
    return quoted(("~" if case else "~*") + tame(pattern))


def _key(text: str) -> str:
    """Return a `map` key that is plain text, even if it begins with a special character."""
    special = ("default", "hostnames", "include", "volatile")
    return quoted("\\" + text if text.startswith(("~", "\\")) or text in special else text)


def _map(source: str, name: str, rows: Iterable[tuple[str, str]], default: str) -> Iterator[str]:
    """Yield a `map` block; the keys are already quoted, the values are words or variables."""
    yield f"map {source} ${name} {{"
    yield f"    default {default or chr(34) * 2};"
    for key, value in rows:
        yield f"    {key} {value or chr(34) * 2};"
    yield "}"


def _agents(plan: Plan) -> Iterator[str]:
    agents = plan.agents
    frequent = [(agent, kind) for agent, kind in agents.frequent if len(agent) <= 480]
    if frequent:
        yield "map_hash_bucket_size 512;  # of frequent User-Agents; take out your own line"
        yield "map_hash_max_size 4096;"
    rows = [
        (_key(agent), kind) for agent, kind in {a.lower(): (a, k) for a, k in frequent}.values()
    ]
    rows += [(_regex(one), "$shiomi_named") for one in agents.screen]
    rows += [(_regex(one), agents.usual) for one in agents.browsers]
    yield from _map("$http_user_agent", "shiomi_kind", rows, agents.unknown)
    named = [(_regex(one), kind) for one, kind in agents.runs]
    yield from _map("$http_user_agent", "shiomi_named", named, agents.unknown)


def _ranges(plan: Plan) -> Iterator[str]:
    """Yield the lookup of the client's address in the published ranges and in the networks."""
    rows = []
    for kind, verified in plan.verified.items():
        yield from _geo(f"shiomi_in_{kind}", plan.ranges[kind])
        rows.append((kind, f"$shiomi_{kind}"))
        yield from _map(
            f"$shiomi_in_{kind}", f"shiomi_{kind}", [("1", verified.inside)], verified.outside
        )
    yield from _map("$shiomi_kind", "shiomi_class", rows, "$shiomi_kind")
    if plan.networks:
        for number, networks in enumerate(plan.networks.values()):
            yield from _geo(f"shiomi_network_{number}", networks)
        source = "".join(f"$shiomi_network_{number}" for number in range(len(plan.networks)))
        rows = [(f'"~^0{{{number}}}1"', f"n{number}") for number in range(len(plan.networks))]
        yield from _map(f'"{source}"', "shiomi_network", rows, "n")


def _geo(name: str, networks: Iterable[str]) -> Iterator[str]:
    yield f"geo ${name} {{"
    yield "    default 0;"
    yield from (f"    {network} 1;" for network in networks)
    yield "}"


def _paths(plan: Plan) -> Iterator[str]:
    """Yield the lookup of the first matching rule, for the path both resolved and as sent."""
    rows = [
        (_regex(regex, case=True), path_word(number))
        for number, rule in sorted(plan.rules.items())
        for regex in _cut(rule, decoded_regex)
    ]
    yield from _map("$uri", "shiomi_path", rows, "p")
    rows = [(_regex(always_sent(), case=True), "always")]
    rows += [
        (_regex(regex, case=True), f"p{number}")
        for number, rule in sorted(plan.rules.items())
        if number >= 0
        for regex in _cut(rule, sent_regex)
    ]
    yield from _map("$request_uri", "shiomi_sent", rows, "p")


def _cut(patterns: Sequence[str], write: Callable[[Sequence[str]], str]) -> Iterator[str]:
    """Yield an expression for these patterns, or several if one would be too long for nginx."""
    regex = write(patterns)
    if len(tame(regex)) <= LONGEST_REGEX or len(patterns) == 1:
        yield regex
    else:
        half = len(patterns) // 2
        yield from _cut(patterns[:half], write)
        yield from _cut(patterns[half:], write)


def _outcomes(plan: Plan) -> Iterator[str]:
    rows = [(f'"{key}"', outcome.name) for key, outcome in plan.rows]
    network = "$shiomi_network" if plan.networks else "n"
    # Every combination has an entry; a missing entry would refuse the request.
    yield from _map(f'"{network}:$shiomi_class:$shiomi_path"', "shiomi_resolved", rows, "deny")
    yield from _map(f'"{network}:$shiomi_class:$shiomi_sent"', "shiomi_as_sent", rows, "deny")
    pairs = [(f'"{key}"', outcome.name) for key, outcome in plan.pairs]
    yield from _map('"$shiomi_resolved:$shiomi_as_sent"', "shiomi_narrower", pairs, "deny")
    odd = [(_regex(ODD, case=True), "$shiomi_narrower")]
    yield from _map("$request_uri", "shiomi_verdict", odd, "$shiomi_resolved")


def _zones(plan: Plan, levels: Sequence[tuple[str, str, Rate]]) -> Iterator[str]:
    """Yield a zone for each bucket. Its key is empty if the bucket must not count the request."""
    used = {level for _, level, _ in levels}
    binary = "$binary_remote_addr"
    # The key is the first v4 bytes of an IPv4 address (which may be mapped to IPv6), or the first
    # v6 bytes of an IPv6 address.
    for level, name, v4, v6 in (
        ("address", "address", 4, 8), ("prefix", "prefix", 3, 6), ("network", "near", 2, 4),
    ):  # fmt: skip
        if level in used:
            ip4, ip6 = f"shiomi_ip{v4 * 8}", f"shiomi_ipv6_{v6 * 8}"
            end = f".{{{4 - v4}}}" if v4 < 4 else ""
            four = rf'"~(?s)^(?:\x00{{10}}\xff\xff)?(?<{ip4}>.{{{v4}}}){end}$"'
            six = f'"~(?s)^(?<{ip6}>.{{{v6}}}).{{{16 - v6}}}$"'
            yield from _map(binary, f"shiomi_{name}", [(four, f"${ip4}"), (six, f"${ip6}")], binary)
    if "network" in used:
        named = [(f"n{number}", f"n{number}") for number in range(len(plan.networks))]
        source = "$shiomi_network" if plan.networks else "n"
        yield from _map(source, "shiomi_group", named, "$shiomi_near")
    keys = {"address": "$shiomi_address", "prefix": "$shiomi_prefix", "network": "$shiomi_group"}
    for budget, level, rate in levels:
        rows = [
            (outcome.name, keys.get(level, "all"))
            for outcome in plan.outcomes
            if outcome.budget == budget and outcome.action is Action.BUDGET
        ]
        name = f"shiomi_{level}_{_word(budget)}"
        yield from _map("$shiomi_verdict", name, rows, "")
        size = 1 if level == "all" else _ZONE_MEGABYTES
        yield f"limit_req_zone ${name} zone={name}:{size}m rate={_rate(rate)};"
    if any(outcome.action is Action.TARPIT for outcome in plan.outcomes):
        per_second = max(1, _REFUSAL_BYTES // max(1, plan.policy.tarpit.seconds))
        at_once = [("REJECTED", "0")]  # further connections are closed
        yield from _map("$limit_conn_status", "shiomi_rate", at_once, str(per_second))
        yield "limit_conn_zone all zone=shiomi_tarpit:1m;"


def _levels(plan: Plan) -> list[tuple[str, str, Rate]]:
    """Return (budget, level, rate) of every bucket in use."""
    counted = {outcome.budget for outcome in plan.outcomes if outcome.action is Action.BUDGET}
    return [
        (name, level, rate)
        for name in sorted(counted)
        for level in ("address", "prefix", "network", "all")
        if (rate := getattr(plan.policy.budgets[name], level)) is not None
    ]


def _rate(rate: Rate) -> str:
    """Return a rate of at least one request per minute in nginx's unit, rounded down."""
    per_minute = math.floor(rate.amount * 60 / rate.seconds + 1e-9)
    if per_minute < 1:
        raise CompileError(
            "the smallest rate of nginx is 1 request per minute, the policy has "
            f"{rate.amount} in {rate.seconds:.0f} s"
        )
    return f"{per_minute}r/m"


def _word(name: str) -> str:
    """Return a budget's name as part of a variable name: letters, digits and "_"."""
    return "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in name)


def _proxies(plan: Plan) -> Iterator[str]:
    proxies = plan.policy.proxies
    for address in proxies.trusted:
        yield f"set_real_ip_from {'unix:' if address == 'unix' else address};"
    if proxies.trusted:
        yield f"real_ip_header {proxies.header};"
        yield "real_ip_recursive on;"


def _headers(policy: Policy) -> Iterator[str]:
    for name, value in own_headers(policy):
        yield f"add_header {name} {_value(value)} always;"


def _value(text: str) -> str:
    """Return a header's value as a word. nginx cannot escape `$`, which begins a variable."""
    if "$" in text or any(ord(character) < 0x20 for character in text):
        raise CompileError(f"nginx cannot send a header with $ or a control character: {text!r}")
    return quoted(text)


def _files(policy: Policy, folder: str) -> Iterator[str]:
    for file in site_files(policy):
        yield f"location = {file.path} {{"
        yield f"    default_type {file.media_type};"
        yield "    types {}"
        yield f"    alias {_value(f'{folder}/{file.name}')};"
        yield "}"


def _refusals(plan: Plan) -> Iterator[str]:
    """Yield a 403 without the site's own error page.

    The site's error page is not used, because nginx might have to request it from a service.
    """
    actions = {outcome.action for outcome in plan.outcomes}
    if Action.DENY in actions:
        yield "if ($shiomi_verdict = deny) { return 418; }"
        yield "error_page 418 =403 @shiomi_refused;"
        yield "location @shiomi_refused { return 403; }"
    if Action.TARPIT in actions:
        yield "if ($shiomi_verdict = tarpit) { return 420; }"
        yield "error_page 420 =403 @shiomi_tarpit;"
        yield "location @shiomi_tarpit {"
        yield f"    limit_conn shiomi_tarpit {plan.policy.tarpit.connections};"
        yield "    limit_conn_status 403;"
        yield "    limit_rate $shiomi_rate;"
        yield "    try_files /-/none =403;"  # because `return` would run before limit_conn
        yield "}"


def _limits(levels: Sequence[tuple[str, str, Rate]]) -> Iterator[str]:
    if not levels:
        return
    for budget, level, rate in levels:
        burst = f" burst={rate.burst - 1}" if rate.burst > 1 else ""
        yield f"limit_req zone=shiomi_{level}_{_word(budget)}{burst} nodelay;"
    wait = math.ceil(max(rate.interval for _, _, rate in levels))
    yield "limit_req_status 429;"
    yield "error_page 429 @shiomi_limited;"
    yield "location @shiomi_limited {"
    yield f"    add_header Retry-After {wait} always;"
    yield "    return 429;"
    yield "}"
