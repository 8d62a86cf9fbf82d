"""A policy as configuration for Apache httpd (2.4): mod_rewrite, mod_remoteip, mod_headers.

It is one file, to be included in every `<VirtualHost>`, because virtual hosts do not inherit rules
of mod_rewrite. The first rule that matches in a table counts: it skips the table's other rules
(`S=`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shiomi.gate.errors import CompileError
from shiomi.gate.native.path_regex import REQUEST_LINE, always_sent, decoded_regex, sent_regex
from shiomi.gate.native.plan import ALWAYS, Plan, path_word
from shiomi.gate.native.site_files import site_files
from shiomi.gate.native.tame import tame
from shiomi.gate.policy import Action, Policy
from shiomi.gate.signals import own_headers

__all__ = ["apache_files"]

_NETWORKS = 40  # the most networks in one condition
_AGENT = "%{HTTP_USER_AGENT}"
_ODD = REQUEST_LINE + r"[^?# ]*?(?:[%\x3b\x5c]|//|/\.)"


def apache_files(plan: Plan, *, folder: str) -> dict[str, str]:
    """Return the files by name: gate.conf, and the files that the site publishes.

    Parameters and errors are the same as for `nginx_files`.
    """
    lines = [
        *_proxies(plan.policy),
        "RewriteEngine On",
        *_agents(plan),
        *_ranges(plan),
        *_networks(plan),
        *_resolved(plan),
        *_as_sent(plan),
        *_files(plan.policy, folder),
        *_headers(plan.policy),
    ]
    files = {"gate.conf": "\n".join(lines) + "\n"}
    return files | {file.name: file.text for file in site_files(plan.policy)}


def quoted(text: str) -> str:
    """Return a text as one word. It must not have control characters, nor `${` (a variable)."""
    if "${" in text or any(ord(character) < 0x20 for character in text):
        raise CompileError(f"Apache's configuration cannot contain {text[:80]!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _regex(pattern: str, *, negated: bool = False) -> str:
    """Return a pattern as a word for mod_rewrite, which leaves backslashes unchanged.

    The pattern is in a group, because a leading "=", "-" or "!" has a special meaning.
    """
    return f'"{"!" if negated else ""}(?:{tame(pattern)})"'


def _set(name: str, value: str, *, skip: int = 0) -> str:
    return f"RewriteRule ^ - [E=gate_{name}:{value}{f',S={skip}' if skip else ''}]"


def _proxies(policy: Policy) -> Iterator[str]:
    trusted = [one for one in policy.proxies.trusted if one != "unix"]
    if not trusted:
        return
    if policy.proxies.header == "forwarded":
        raise CompileError(
            'Apache cannot read the header "forwarded"; let the proxy set x-forwarded-for'
        )
    yield f"RemoteIPHeader {policy.proxies.header}"
    yield from (f"RemoteIPInternalProxy {one}" for one in trusted)


def _agents(plan: Plan) -> Iterator[str]:
    agents = plan.agents
    screened = [f"RewriteCond {_AGENT} {_regex(one, negated=True)} [NC]" for one in agents.screen]
    rest = len(agents.runs) + 1
    if agents.browsers:
        yield from screened
        for place, one in enumerate(agents.browsers):
            more = ",OR" if place + 1 < len(agents.browsers) else ""
            yield f"RewriteCond {_AGENT} {_regex(one)} [NC{more}]"
        yield _set("kind", agents.usual, skip=rest + 1)
    yield from screened
    yield _set("kind", agents.unknown, skip=rest)
    for regex, kind in agents.runs:
        rest -= 1
        yield f"RewriteCond {_AGENT} {_regex(regex)} [NC]"
        yield _set("kind", kind, skip=rest)
    yield _set("kind", agents.unknown)


def _ranges(plan: Plan) -> Iterator[str]:
    for kind, verified in plan.verified.items():
        yield f"RewriteCond %{{ENV:gate_kind}} ={kind}"
        yield from _inside(plan.ranges[kind])
        yield _set("kind", verified.inside)
        yield f"RewriteCond %{{ENV:gate_kind}} ={kind}"
        yield _set("kind", verified.outside)


def _inside(networks: Sequence[str]) -> Iterator[str]:
    """Yield conditions that the client's address is in one of the networks."""
    for start in range(0, len(networks), _NETWORKS):
        part = " || ".join(f"-R '{network}'" for network in networks[start : start + _NETWORKS])
        more = " [OR]" if start + _NETWORKS < len(networks) else ""
        yield f'RewriteCond expr "{part}"{more}'


def _networks(plan: Plan) -> Iterator[str]:
    rest = len(plan.networks)
    for number, networks in enumerate(plan.networks.values()):
        yield from _inside(networks)
        yield _set("network", f"n{number}", skip=rest)
        rest -= 1
    yield _set("network", "n")


def _resolved(plan: Plan) -> Iterator[str]:
    """Yield the lookup of the rule for the path that Apache has resolved, and the refusal."""
    rest = len(plan.rules)
    for number, rule in sorted(plan.rules.items()):
        word = path_word(number)
        skip = f",S={rest}" if rest else ""
        yield f"RewriteRule {_regex(decoded_regex(rule))} - [E=gate_path:{word}{skip}]"
        rest -= 1
    yield _set("path", "p")
    yield from _refusal(plan, "path")


def _as_sent(plan: Plan) -> Iterator[str]:
    """Yield the same rules for the path as sent, if the site might read it as another path."""
    rest = len(plan.rules)
    yield f"RewriteCond %{{THE_REQUEST}} {_regex(_ODD, negated=True)}"
    yield f"RewriteRule ^ - [S={rest + 2}]"
    for number, rule in sorted(plan.rules.items()):
        always = always_sent(start=REQUEST_LINE)
        written = always if number == ALWAYS else sent_regex(rule, start=REQUEST_LINE)
        yield f"RewriteCond %{{THE_REQUEST}} {_regex(written)}"
        yield _set("sent", path_word(number), skip=rest)
        rest -= 1
    yield _set("sent", "p")
    yield from _refusal(plan, "sent")


def _refusal(plan: Plan, path: str) -> Iterator[str]:
    """Yield rules that answer 403 to every request that no rule lets through."""
    refused = (Action.DENY, Action.TARPIT)
    good = [key for key, outcome in plan.rows if outcome.action not in refused]
    key = f"%{{ENV:gate_network}}:%{{ENV:gate_kind}}:%{{ENV:gate_{path}}}"
    yield f'RewriteCond "{key}" "!^(?:{"|".join(good)})$"'
    yield "RewriteRule ^ - [F]"


def _files(policy: Policy, folder: str) -> Iterator[str]:
    files = site_files(policy)
    if not files:
        return
    if "%" in folder or "$" in folder:
        raise CompileError(f"Apache cannot rewrite to {folder!r}: the name must not have % or $")
    for file in files:
        place = quoted(f"{folder}/{file.name}")
        yield f"RewriteRule {_regex(decoded_regex([file.path]))} {place} [L]"
    yield f"<Directory {quoted(folder)}>"
    yield "    Require all granted"
    yield "</Directory>"


def _headers(policy: Policy) -> Iterator[str]:
    for name, value in own_headers(policy):
        yield f"Header always set {name} {quoted(value.replace('%', '%%'))}"
