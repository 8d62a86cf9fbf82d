"""A policy as configuration for HAProxy (2.4 or later): maps, `http-request` rules, stick-tables.

HAProxy cannot include files in a configuration. So there are three kinds of files: rules to paste
into a frontend, tables to load with a second `-f`, and maps that the rules read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from shiomi.gate.errors import CompileError
from shiomi.gate.native.path_regex import always_sent, decoded_regex, sent_regex
from shiomi.gate.native.plan import ALWAYS, Outcome, Plan, path_word
from shiomi.gate.native.site_files import site_files
from shiomi.gate.native.tame import tame
from shiomi.gate.policy import Action, Policy, Rate
from shiomi.gate.signals import own_headers

__all__ = ["haproxy_files"]

_LEVELS = ("address", "prefix", "all")  # a request can be tracked by three keys
_MOST_AGENTS = 4  # User-Agent headers of one request that are looked at
_MOST_DOTS = 6  # ".." segments that are resolved


def haproxy_files(plan: Plan, *, folder: str) -> dict[str, str]:
    """Return the files by name: frontend.cfg, tables.cfg, *.map and robots.txt.

    Parameters and errors are the same as for `nginx_files`.
    """
    if any(character in folder for character in " \t\"'\\#\n(),"):
        raise CompileError(
            f"HAProxy cannot read files from {folder!r}: the name must not have blanks, quotation "
            "marks, brackets, commas, # or \\"
        )
    frontend = [
        *_client(plan),
        *_agent(folder),
        *_path(folder),
        *_verdict(plan, folder),
        *_files(plan.policy, folder),
        *_answers(plan),
        *_headers(plan.policy),
    ]
    files = {
        "frontend.cfg": "\n".join(frontend) + "\n",
        "tables.cfg": "\n".join(_tables(plan)) + "\n",
        **_maps(plan),
    }
    return files | {file.name: file.text for file in site_files(plan.policy)}


def _client(plan: Plan) -> Iterator[str]:
    proxies = plan.policy.proxies
    if not proxies.trusted:
        return
    if proxies.header == "forwarded":
        raise CompileError(
            'HAProxy 2.6 cannot read the header "forwarded"; let the proxy set x-forwarded-for'
        )
    trusted = [one for one in proxies.trusted if one != "unix"]
    if trusted:
        yield (
            f"http-request set-src req.hdr({proxies.header},-1)"
            f" if {{ src {' '.join(trusted)} }} {{ req.hdr({proxies.header}) -m found }}"
        )


def _agent(folder: str) -> Iterator[str]:
    """Yield the lookup of the User-Agent's kind; several headers are joined as in `decide`."""
    agent = "req.fhdr(user-agent,{})"
    yield f"http-request deny deny_status 403 if {{ req.fhdr_cnt(user-agent) gt {_MOST_AGENTS} }}"
    # With a format, the variable is an empty text if the header is missing. Else it would be unset.
    yield f'http-request set-var-fmt(txn.gate_agent) "%[{agent.format(1)}]"'
    for count in range(2, _MOST_AGENTS + 1):
        yield (
            "http-request set-var-fmt(txn.gate_agent)"
            f' "%[var(txn.gate_agent)], %[{agent.format(count)}]"'
            f" if {{ req.fhdr_cnt(user-agent) ge {count} }}"
        )
    yield f"http-request set-var(txn.gate_kind) var(txn.gate_agent),map_reg({folder}/screen.map)"
    yield (
        f"http-request set-var(txn.gate_kind) var(txn.gate_agent),map_reg({folder}/agents.map)"
        " if { var(txn.gate_kind) -m str named }"
    )


def _path(folder: str) -> Iterator[str]:
    """Yield the lookup of the path's rule, for the resolved path and for the path as sent."""
    to, resolved = "http-request set-var(txn.gate_path)", "var(txn.gate_path)"
    dots = 'regsub("^/[.][.](/|$)","/"),regsub("/[^/]+/[.][.](/|$)","/")'
    yield f'{to} \'path,url_dec,regsub("//+","/",g)\''
    yield f'{to} \'{resolved},regsub("/([.]/)+","/",g),regsub("/[.]$","/")\''
    for _ in range(_MOST_DOTS):
        yield f"{to} '{resolved},{dots}' if {{ {resolved} -m reg '/[.][.](/|$)' }}"
    yield "http-request deny deny_status 403 if { var(txn.gate_path) -m reg '/[.][.](/|$)' }"
    yield f"http-request set-var(txn.gate_rule) var(txn.gate_path),map_reg({folder}/paths.map,p)"
    yield f"http-request set-var(txn.gate_sent) path,map_reg({folder}/sent.map,p)"


def _verdict(plan: Plan, folder: str) -> Iterator[str]:
    for kind, verified in plan.verified.items():
        proven = f"{{ var(txn.gate_kind) -m str {kind} }} {{ src -f {folder}/{kind}.lst }}"
        yield f"http-request set-var(txn.gate_kind) str({verified.inside}) if {proven}"
        yield (
            f"http-request set-var(txn.gate_kind) str({verified.outside})"
            f" if {{ var(txn.gate_kind) -m str {kind} }}"
        )
    yield "http-request set-var(txn.gate_network) str(n)"
    for number in reversed(range(len(plan.networks))):
        yield (
            f"http-request set-var(txn.gate_network) str(n{number})"
            f" if {{ src -f {folder}/network{number}.lst }}"
        )
    for name, rule in (("verdict", "rule"), ("as_sent", "sent")):
        yield (
            f'http-request set-var-fmt(txn.gate_{name}) "%[var(txn.gate_network)]:'
            f'%[var(txn.gate_kind)]:%[var(txn.gate_{rule})]"'
        )
        yield (
            f"http-request set-var(txn.gate_{name})"
            f" var(txn.gate_{name}),map_str({folder}/verdicts.map,deny)"
        )
    yield (
        "http-request set-var-fmt(txn.gate_verdict)"
        ' "%[var(txn.gate_verdict)]:%[var(txn.gate_as_sent)]"'
    )
    yield (
        "http-request set-var(txn.gate_verdict)"
        f" var(txn.gate_verdict),map_str({folder}/narrower.map,deny)"
    )


def _files(policy: Policy, folder: str) -> Iterator[str]:
    for file in site_files(policy):
        yield (
            f"http-request return status 200 content-type {file.media_type}"
            f" file {folder}/{file.name} if {{ var(txn.gate_path) -m str {file.path} }}"
            " { var(txn.gate_verdict) -m str allow }"
        )


def _answers(plan: Plan) -> Iterator[str]:
    actions = {outcome.action for outcome in plan.outcomes}
    if Action.DENY in actions:
        yield "http-request deny deny_status 403 if { var(txn.gate_verdict) -m str deny }"
    if Action.TARPIT in actions:
        yield f"timeout tarpit {plan.policy.tarpit.seconds}s"
        yield "http-request tarpit deny_status 403 if { var(txn.gate_verdict) -m str tarpit }"
    for outcome in _counted(plan):
        levels = _levels(plan, outcome)
        here = f"{{ var(txn.gate_verdict) -m str {outcome.name} }}"
        keys = {"address": "src,ipmask(32,64)", "prefix": "src,ipmask(24,48)", "all": "int(1)"}
        for place, (level, _) in enumerate(levels):
            table = _table(outcome.budget, level)
            yield f"http-request track-sc{place} {keys[level]} table {table} if {here}"
        for place, (_, rate) in enumerate(levels):
            wait = math.ceil(max(rate.interval for _, rate in levels))
            yield (
                f"http-request deny deny_status 429 hdr Retry-After {wait}"
                f" if {here} {{ sc_http_req_rate({place}) gt {rate.burst} }}"
            )


def _counted(plan: Plan) -> list[Outcome]:
    return [outcome for outcome in plan.outcomes if outcome.action is Action.BUDGET]


def _levels(plan: Plan, outcome: Outcome) -> Sequence[tuple[str, Rate]]:
    budget = plan.policy.budgets[outcome.budget]
    return [(level, rate) for level in _LEVELS if (rate := getattr(budget, level)) is not None]


def _table(budget: str, level: str) -> str:
    word = "".join(c if c.isascii() and c.isalnum() else f"-{ord(c):x}-" for c in budget)
    return f"gate_{word}_{level}"


def _tables(plan: Plan) -> Iterator[str]:
    """Yield one stick-table per bucket: `burst` requests per refill period."""
    for outcome in _counted(plan):
        for level, rate in _levels(plan, outcome):
            window = max(1, math.ceil(rate.interval * rate.burst))
            kind = "integer size 1" if level == "all" else "ipv6 size 200k"
            yield f"backend {_table(outcome.budget, level)}"
            yield f"    stick-table type {kind} expire {window}s store http_req_rate({window}s)"


def _headers(policy: Policy) -> Iterator[str]:
    for name, value in own_headers(policy):
        if any(character in value for character in "\"'\\%\n"):
            raise CompileError(f"HAProxy cannot send this value in the header {name}: {value!r}")
        yield f'http-after-response set-header {name} "{value}"'


def _maps(plan: Plan) -> dict[str, str]:
    agents = plan.agents
    screen = [(one, "named") for one in agents.screen]
    screen += [(one, agents.usual) for one in agents.browsers] + [("", agents.unknown)]
    rules = sorted(plan.rules.items())
    numbered = [(number, path_word(number)) for number, _ in rules]
    maps = {
        "screen.map": [(f"(?i){tame(one)}" if one else "^", kind) for one, kind in screen],
        "agents.map": [(f"(?i){tame(one)}", kind) for one, kind in agents.runs]
        + [("^", agents.unknown)],
        "paths.map": [(tame(decoded_regex(plan.rules[number])), word) for number, word in numbered],
        "sent.map": [
            (tame(always_sent() if number == ALWAYS else sent_regex(plan.rules[number])), word)
            for number, word in numbered
        ],
        "verdicts.map": [(key, outcome.name) for key, outcome in plan.rows],
        "narrower.map": [(key, outcome.name) for key, outcome in plan.pairs],
    }
    files = {
        name: "".join(f"{key} {value}\n" for key, value in rows) for name, rows in maps.items()
    }
    lists = {f"{kind}.lst": networks for kind, networks in plan.ranges.items()}
    lists |= {f"network{n}.lst": some for n, some in enumerate(plan.networks.values())}
    return files | {name: "\n".join([*some, ""]) for name, some in lists.items()}
