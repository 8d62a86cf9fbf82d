"""Shared by the server benchmarks: real User-Agents, sent by wrk, and CPU times.

Throughput on a shared machine varies threefold. So the measure is the server's own CPU time
(/proc/PID/task/*/schedstat) divided by the number of answers. Needs wrk and $SHIOMI_DATA/gate.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shiomi.gate.identity.user_agents import user_agents
from shiomi.gate.purpose import Purpose
from tests.gate.servers import ROOT, Server, needs

__all__ = [
    "DATA", "LOG", "asked", "frequent_agents", "loads", "microseconds", "spent", "wrk",
    "wrk_script",
]  # fmt: skip

DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "gate"
LOG = DATA / "access-log-2015-anonymised.log.gz"
_REQUEST = """wrk.format("GET", "{page}", {{["User-Agent"]=a[1]{fresh}, ["Cookie"]=a[2],
["Host"]="localhost", ["Accept"]="text/html", ["Accept-Language"]="ja,en;q=0.5",
["Accept-Encoding"]="gzip, deflate"}})"""
_SCRIPT = """
local agents, requests, i, n = {{{agents}}}, {{}}, 0, os.time() * 1000
init = function() for k, a in ipairs(agents) do requests[k] = {made} end end
request = function() i = i % #agents + 1; n = n + 1; local a = agents[i]; return {sent} end
"""


def asked(doc: str | None) -> tuple[argparse.Namespace, list[str]]:
    """Return --rounds and --seconds of a script, and the User-Agents of 500 browsers."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    needs("wrk")
    browsers = loads(LOG)["500 browsers"]
    return parser.parse_args(), [agent.strip() for agent in browsers if agent.isascii()]


def loads(log: Path) -> dict[str, list[str]]:
    """Return the User-Agents of each load, by its name."""
    entries = json.loads((DATA / "crawler-user-agents" / "crawler-user-agents.json").read_text())
    crawlers = [one for entry in entries for one in entry["instances"] if one.isprintable()]
    tests = (DATA / "uap-core" / "test_ua.yaml").read_text(encoding="utf-8")
    told = user_agents()
    browsers = [
        agent.replace("''", "'")
        for agent in re.findall(r"user_agent_string: '(.*)'", tests)
        if told.client(agent).purpose is Purpose.BROWSER
    ]
    draw = random.Random(0)
    return {
        "500 browsers": draw.sample(browsers, 500),
        "2,000 crawlers": draw.sample(crawlers, 2000),
        "100 frequent": frequent_agents(log),
    }


def frequent_agents(log: Path = LOG) -> list[str]:
    """Return the 100 most frequent agents of an access log."""
    with gzip.open(log, "rt", encoding="utf-8", errors="replace") as lines:
        agents = (found[1] for line in lines if (found := re.search(r'"([^"]*)"$', line)))
        return [agent for agent, _ in Counter(agents).most_common(100)]


def wrk_script(
    path: Path,
    agents: Sequence[str],
    *,
    cookies: Sequence[str] | None = None,
    page: str = "/1k.html",
    fresh: bool = False,
) -> Path:
    """Write a script for wrk that sends the agents one after the other, each with its cookie.

    `fresh`: each time an agent is sent, its end is different, so that no agent is sent twice.
    """
    pairs = zip(agents, cookies or [""] * len(agents), strict=True)
    listed = ",".join(
        f"{{{json.dumps(one, ensure_ascii=False)}, {json.dumps(cookie)}}}" for one, cookie in pairs
    )
    made = _REQUEST.format(page=page, fresh="")
    sent = _REQUEST.format(page=page, fresh=' .. " x/" .. n') if fresh else "requests[i]"
    path.write_text(_SCRIPT.format(agents=listed, made=made, sent=sent), encoding="utf-8")
    return path


def microseconds(running: Server, script: Path, **load: Any) -> float:
    """Return the CPU time per answer of the server and its children under the load of `wrk`."""
    before = spent(running)
    answers = wrk(running, script, **load)
    return (spent(running) - before) / answers


def wrk(
    running: Server,
    script: Path,
    *,
    seconds: int = 1,
    page: str = "/1k.html",
    refusals: bool = False,
) -> int:
    """Send wrk's load, and return the number of answers.

    Raises
    ------
    RuntimeError
        There was no answer, or an answer was not the page although `refusals` is False.
    """
    said = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", script, f"{running.url}{page}"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    answers = re.search(r"(\d+) requests in", said)
    if answers is None or ("Non-2xx" in said and not refusals):
        raise RuntimeError(f"refused: {said}\n{running.log.read_text()}")
    return int(answers[1])


def spent(running: Server) -> float:
    """Return the CPU microseconds that the server and its children have used so far."""
    return sum(
        int(path.read_text().split()[0]) / 1000
        for process in _family(running.process.pid)
        for path in Path(f"/proc/{process}/task").glob("*/schedstat")
    )


def _family(process: int) -> list[int]:
    """Return a process and its children."""
    below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in below for one in _family(int(child)))]
