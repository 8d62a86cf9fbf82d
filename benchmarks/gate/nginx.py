"""CPU time per request of nginx: plain, with ai.robots.txt's list, and with a compiled policy.

    python -m benchmarks.gate.nginx [--rounds N] [--seconds S]

Each configuration runs in one nginx with one worker, which serves a page of 1 KB from disk. wrk is
the client and sends User-Agents of real lists. Throughput on a shared machine varies threefold. So
the figure is the worker's own CPU time (/proc/PID/schedstat) divided by the number of answers. The
configurations take turns. CPU time also grows with the load of the machine, so the minimum of all
rounds is printed first, and the medians below. The number in brackets is the difference to plain
nginx. Needs nginx, wrk and $SHIOMI_DATA/gate.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.gate.load import DATA, frequent_agents, loads, microseconds, wrk_script

from shiomi.gate.native import compile_policy
from shiomi.gate.policy import Action, Budget, Policy, PurposeRule, Rate
from shiomi.gate.purpose import Purpose
from tests.gate.servers import needs, server
from tests.loopback import free_port

_MAIN = """daemon off; user root; worker_processes 1; pcre_jit {jit};
pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 1000000; sendfile on; open_file_cache max=16;
    {http}
    server {{
        listen 127.0.0.1:{port};
        root {folder}/site;
        {server}
    }}
}}
"""


def open_policy() -> Policy:
    """Return a policy under which clients that are not refused pass uncounted, as with a list of
    names."""
    allow = PurposeRule(Action.ALLOW, Action.ALLOW)
    purposes = {
        purpose: PurposeRule(Action.DENY, Action.DENY) if "ai-" in purpose else allow
        for purpose in Purpose
    }
    return replace(Policy(), purposes=purposes)


def counting_policy() -> Policy:
    """Return the default policy with budgets so large that wrk is counted and never refused."""
    wide = Rate(600_000_000, 60.0, 1_000_000)
    budgets = {
        name: Budget(*(None if rate is None else wide for rate in levels(budget)))
        for name, budget in Policy().budgets.items()
    }
    return replace(Policy(), budgets=budgets)


def levels(budget: Budget) -> tuple[Rate | None, ...]:
    """Return the rates of a budget's levels."""
    return budget.address, budget.prefix, budget.network, budget.all


def configurations(frequent: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield (name, files) of every configuration; "http.conf" and "server.conf" are included by
    nginx."""
    yield "plain nginx", {"http.conf": "", "server.conf": ""}
    theirs = (DATA / "ai.robots.txt" / "nginx-block-ai-bots.conf").read_text()
    yield "ai.robots.txt's list", {"http.conf": "", "server.conf": theirs}
    yield "ai.robots.txt's list, JIT", {"http.conf": "", "server.conf": theirs}
    for name, policy in (("AI denied", open_policy()), ("default, counted", counting_policy())):
        for table, agents in (("", ()), (" + frequent", frequent_agents(frequent))):
            compiled = compile_policy(
                "nginx",
                policy,
                folder="{folder}",
                challenge=Action.BUDGET,
                frequent=agents,
            )
            yield f"shiomi: {name}{table}", compiled.files


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    nginx, log = needs("nginx"), DATA / "access-log-2015-anonymised.log.gz"
    needs("wrk")
    agents = loads(log)
    taken: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        running = {}
        for number, (name, files) in enumerate(configurations(log)):
            folder, port = Path(temporary, str(number)), free_port()
            (folder / "site").mkdir(parents=True)
            (folder / "site" / "1k.html").write_text("x" * 1024)
            for file, text in files.items():
                (folder / file).write_text(text.replace("{folder}", str(folder)))
            written = _MAIN.format(
                folder=folder,
                port=port,
                jit="off" if name == "ai.robots.txt's list" else "on",  # as it is installed
                http=f"include {folder}/http.conf;",
                server=f"include {folder}/server.conf;",
            )
            (folder / "nginx.conf").write_text(written)
            command: list[str | Path] = [nginx, "-p", folder, "-c", folder / "nginx.conf"]
            started = stack.enter_context(server(command, port=port, log=folder / "out.log"))
            running[name] = started
        scripts = {
            (load, name): wrk_script(Path(temporary), load, some, started.port)
            for load, some in agents.items()
            for name, started in running.items()
        }
        for load in agents:
            for _ in range(arguments.rounds):
                for name, started in running.items():
                    script = scripts[load, name]
                    spent = microseconds(started, script, seconds=arguments.seconds, refusals=True)
                    taken.setdefault((load, name), []).append(spent)
    show(taken, list(agents), list(running))


def show(
    taken: Mapping[tuple[str, str], Sequence[float]], loads: Sequence[str], names: Sequence[str]
) -> None:
    """Print the minimum and its difference to plain nginx, then the same for the medians."""
    for title, one in (("least", min), ("median", median)):
        print(f"{f'CPU us per request, {title}':34}" + "".join(f"{load:>22}" for load in loads))
        for name in names:
            cells = []
            for load in loads:
                spent, plain = one(taken[load, name]), one(taken[load, names[0]])
                cells.append(f"{spent:.2f} ({spent - plain:+.2f})")
            print(f"{name:34}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    main()
