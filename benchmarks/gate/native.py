"""CPU time per request that a compiled policy adds to nginx, HAProxy, Apache httpd and Caddy.

    python -m benchmarks.gate.native [--rounds N] [--seconds S]

nginx with one worker serves a page of 1 KB from disk in several configurations: without a list,
with ai.robots.txt's list, and with compiled policies. wrk sends User-Agents of real lists. The
other servers proxy to an nginx that answers every request. They run without a policy and with the
compiled default policy, whose budgets are so large that no request is refused. All configurations
take turns.

A figure is the CPU time of all threads of the server (/proc) divided by the number of answers. CPU
time also grows with the load of the machine, so the minimum of all rounds is printed first. The
number in brackets is the difference between this figure and the figure of the same server without a
policy. Needs the servers, wrk and $SHIOMI_DATA/gate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path
from statistics import median

from benchmarks.gate.load import DATA, LOG, asked, frequent_agents, loads, microseconds, wrk_script

from shiomi.gate.native import compile_policy
from shiomi.gate.policy import Action, Budget, Policy, PurposeRule, Rate
from shiomi.gate.purpose import Purpose
from tests.gate.servers import Server
from tests.gate.web_servers import apache, caddy, haproxy, nginx, origin, write_files

_OTHERS = {
    "apache": (apache, {"gate.conf": ""}),
    "caddy": (caddy, {"gate.caddy": "(gate) {\n}\n"}),
    "haproxy": (haproxy, {"frontend.cfg": "", "tables.cfg": ""}),
}
_WITHOUT_JIT = "ai.robots.txt's list"  # as it is installed
Taken = dict[tuple[str, str], list[float]]


def open_policy() -> Policy:
    """Return a policy that lets all clients through uncounted, except AI crawlers."""
    allow, deny = (PurposeRule(action, action) for action in (Action.ALLOW, Action.DENY))
    purposes = {purpose: deny if "ai-" in purpose else allow for purpose in Purpose}
    return replace(Policy(), purposes=purposes)


def counting_policy() -> Policy:
    """Return the default policy with budgets so large that wrk is counted and never refused."""
    wide = Rate(600_000_000, 60.0, 1_000_000)
    budgets = {
        name: Budget(*(rate and wide for rate in astuple(budget)))
        for name, budget in Policy().budgets.items()
    }
    return replace(Policy(), budgets=budgets)


def configurations(folder: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield (name, files) of every configuration of nginx."""
    yield "plain nginx", {"http.conf": "", "server.conf": ""}
    theirs = (DATA / "ai.robots.txt" / "nginx-block-ai-bots.conf").read_text()
    for name in (_WITHOUT_JIT, f"{_WITHOUT_JIT}, JIT"):
        yield name, {"http.conf": "", "server.conf": theirs}
    for name, policy in (("AI denied", open_policy()), ("default, counted", counting_policy())):
        for table, agents in (("", ()), (" + frequent", frequent_agents())):
            compiled = compile_policy(
                "nginx", policy, folder=str(folder), challenge=Action.BUDGET, frequent=agents
            )
            yield f"{name}{table}", compiled.files


def nginx_servers(folder: Path, stack: ExitStack) -> dict[str, Server]:
    """Start an nginx for each configuration."""
    running: dict[str, Server] = {}
    site = write_files(folder / "site", {"1k.html": "x" * 1024})
    for number, (name, files) in enumerate(configurations(folder)):
        place = write_files(folder / str(number), files)
        http = f"sendfile on; open_file_cache max=16; include {place}/http.conf;"
        block = f"root {site}; include {place}/server.conf;"
        started = nginx(place, http=http, server_block=block, jit=name != _WITHOUT_JIT)
        running[name] = stack.enter_context(started)
    return running


def other_servers(folder: Path, stack: ExitStack) -> dict[str, Server]:
    """Start each of the other servers without a policy and with the default policy."""
    running: dict[str, Server] = {}
    site = f"127.0.0.1:{stack.enter_context(origin(folder)).port}"
    for name, (run, nothing) in _OTHERS.items():
        place = folder / f"{name}-gate"
        compiled = compile_policy(
            name, counting_policy(), folder=str(place), challenge=Action.BUDGET
        )
        for kind, files in ((name, nothing), (f"{name} + policy", compiled.files)):
            written = write_files(place if kind != name else folder / f"{name}-plain", files)
            started = run(folder / f"{len(running)}-run", site=site, compiled=written)
            running[kind] = stack.enter_context(started)
    return running


def measured(
    running: Mapping[str, Server], agents: Mapping[str, Sequence[str]], rounds: int, seconds: int
) -> Taken:
    """Return the microseconds of each round by (load, server)."""
    taken: Taken = {}
    for load, some in agents.items():
        for _ in range(rounds):
            for name, started in running.items():
                script = wrk_script(started.log.parent / "load.lua", some)
                spent = microseconds(started, script, seconds=seconds, refusals=True)
                taken.setdefault((load, name), []).append(spent)
    return taken


def show(taken: Taken, bases: Mapping[str, str]) -> None:
    """Print the minima with their differences to the base, and then the medians with theirs."""
    loads = list(dict.fromkeys(load for load, _ in taken))
    for title, one in (("least", min), ("median", median)):
        print(f"{f'CPU us per request, {title}':34}" + "".join(f"{load:>22}" for load in loads))
        for name, base in bases.items():
            cells = [(one(taken[load, name]), one(taken[load, base])) for load in loads]
            shown = (f"{spent:.2f} ({spent - plain:+.2f})" for spent, plain in cells)
            print(f"{name:34}" + "".join(f"{cell:>22}" for cell in shown))


def main() -> None:
    """Print both tables."""
    arguments, _ = asked(__doc__)
    rounds, seconds = arguments.rounds, arguments.seconds
    agents = loads(LOG)
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        Path(temporary).chmod(0o755)
        running = nginx_servers(Path(temporary), stack)
        show(measured(running, agents, rounds, seconds), dict.fromkeys(running, "plain nginx"))
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        Path(temporary).chmod(0o755)
        running = other_servers(Path(temporary), stack)
        browsers = {"500 browsers": agents["500 browsers"]}
        bases = {name: name.split()[0] for name in running}
        show(measured(running, browsers, rounds, seconds), bases)


if __name__ == "__main__":
    main()
