"""Throw broken and hostile requests, cookies and policy files at the gate for a bounded time.

These must hold for every input:
- nothing raises an exception, except PolicyError for a policy file;
- a client named like a training crawler gets no page except those that are always served;
- no client without the cookie gets a page for which a browser needs the cookie;
- a response's headers are printable ASCII, and never lead to another site;
- no verdict takes longer than a tenth of a second of CPU time, and memory stays bounded.

    python benchmarks/gate/fuzz.py [--seconds 60] [--seed 1]

The first failure is printed with the seed that reproduces it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from typing import Any

from shiomi.gate.decision import Decision, PreparedPolicy, Verdict, decide
from shiomi.gate.errors import PolicyError
from shiomi.gate.policy import Policy, default_policy_text, parse_policy
from shiomi.gate.policy.paths import always_served
from shiomi.gate.request import Request
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.trial import BROWSER

NOW = 1_790_000_000.0
DENIED = ("GPTBot/1.2", "gptbot", "CCBot/2.0", "Mozilla/5.0 (compatible; ClaudeBot/1.0)")
AGENTS = (
    *DENIED,
    BROWSER,
    "",
    "curl/8.14",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "NewsBlur",
)
PATHS = (
    "/",
    "/page",
    "/feed.xml",
    "/robots.txt",
    "/.well-known/x",
    "/.gate/enter",
    "/.gate/pages/",
)
PIECES = (
    "//",
    "/../",
    "/..%2f",
    "%2e",
    "%00",
    "%",
    "%zz",
    "\\",
    "?",
    "#",
    ";",
    "\t",
    "é",
    "日",
    "*",
)
NAMES = (
    "cookie", "accept-language", "x-forwarded-for", "forwarded", "x-real-ip", "host", "accept",
    "signature", "signature-input", "signature-agent", "sec-fetch-dest", "sec-ch-ua", "purpose",
)  # fmt: skip
VALUES = (
    "", "127.0.0.1", "for=127.0.0.1", "ja;q=1", "a" * 5000, "\x00", "\xff" * 50, ", , ,", "=;=;",
    "shiomi-gate=", "shiomi-gate=6ab1c2d3.AAAAAAAA.AAAAAAAAAAAAAAAAAAAA", "shiomi-gate-try=99",
    'sig=("@authority");created=1;keyid="x"', "sig=:AAAA:", "image",
)  # fmt: skip
PEERS = (None, "", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "not an address", "1.2.3.4.5")
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "", "G\x00T", "x" * 1000)


def main() -> None:
    """Fuzz until the time is over; print what was done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    prepared, state = PreparedPolicy(Policy()), MemoryState(clients=10_000)
    decide(Request.make(), prepared, state, NOW)  # loads the tables, which is not measured
    end = time.monotonic() + arguments.seconds
    counts: dict[str, int] = {}
    slowest, done, before = 0.0, 0, _memory()
    while time.monotonic() < end:
        seed = f"{arguments.seed}:{done}"
        chance = random.Random(seed)
        try:
            if done % 20 == 0:
                _fuzz_policy(chance)
            else:
                request = _request(chance)
                begun = time.thread_time()
                decision = decide(request, prepared, state, NOW + done)
                slowest = max(slowest, time.thread_time() - begun)
                _check(request, decision)
                counts[decision.verdict] = counts.get(decision.verdict, 0) + 1
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}")
            raise SystemExit(1) from error
        done += 1
        if slowest > 0.1:
            raise SystemExit(f"seed {seed}: a verdict took {slowest:.3f} s")
    print(f"{done:,} inputs of seed {arguments.seed} in {arguments.seconds:.0f} s, nothing wrong")
    print(f"  verdicts: {', '.join(f'{name} {n:,}' for name, n in sorted(counts.items()))}")
    print(f"  slowest verdict: {slowest * 1e3:.1f} ms of CPU time")
    print(f"  memory: {before:.0f} MB before, {_memory():.0f} MB at most")


def _check(request: Request, decision: Decision) -> None:
    served = always_served(request.path)
    if decision.verdict is Verdict.ALLOW and not served:
        agent = request.user_agent
        if agent in DENIED:
            raise ValueError(f"{agent} was let through to {request.path!r} ({decision.reason})")
        if decision.reason == "cookie":
            raise ValueError(f"a made-up cookie was taken: {request.header('cookie')!r}")
        if agent == BROWSER and not request.path.endswith(("feed.xml", "/feed", "/feed/")):
            raise ValueError(f"a stranger was let through to {request.path!r} ({decision.reason})")
    for name, value in decision.response.headers if decision.response else ():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise ValueError(f"header {name}: {value!r}")
        if name == "Location" and (not value.startswith("/") or value.startswith(("//", "/\\"))):
            raise ValueError(f"leads to another site: {value!r}")


def _request(chance: random.Random) -> Request:
    path = chance.choice(PATHS)
    for _ in range(chance.choice((0, 0, 1, 3, 10))):
        at = chance.randrange(len(path) + 1)
        path = path[:at] + chance.choice(PIECES) + path[at:]
    headers = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(6))]
    headers = [(_cased(name, chance), _mutated(value, chance)) for name, value in headers]
    agent = chance.choice(AGENTS)
    if agent:
        headers += [("User-Agent", agent)] * chance.choice((1, 1, 2))
    if chance.random() < 0.02:
        headers.append(("user-agent", "x" * 100_000))
    chance.shuffle(headers)
    method, peer = chance.choice(METHODS), chance.choice(PEERS)
    kind = chance.randrange(3)
    if kind == 0:
        return Request.make(path, peer=peer, method=method, headers=headers)
    raw = [(n.encode("latin-1"), v.encode("latin-1", "replace")) for n, v in headers]
    if kind == 1:
        scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": raw}
        return Request.from_asgi({**scope, "client": [peer, 1] if peer is not None else None})
    environ = {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers}
    wide = path.encode().decode("latin-1")
    return Request.from_wsgi(
        {**environ, "REQUEST_METHOD": method, "PATH_INFO": wide, "REMOTE_ADDR": peer or ""}
    )


def _cased(name: str, chance: random.Random) -> str:
    return "".join(chance.choice((c.lower(), c.upper())) for c in name)


def _mutated(value: str, chance: random.Random) -> str:
    for _ in range(chance.choice((0, 0, 1, 5))):
        at = chance.randrange(len(value) + 1)
        value = value[:at] + chr(chance.randrange(256)) + value[at + chance.randrange(2) :]
    return value


def _fuzz_policy(chance: random.Random) -> None:
    lines = default_policy_text().splitlines()
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines))
        line = lines[at]
        spot = chance.randrange(len(line) + 1)
        lines[at] = chance.choice(
            (line[:spot], line[:spot] + chr(chance.randrange(1, 0x3000)) + line[spot:],
             line.replace("#", "", 1), line.replace('"', "", 1), line + line, "", "[[path]]",
             line.replace("1", "-1"), line.replace("true", "3"))
        )  # fmt: skip
    try:
        policy = parse_policy("\n".join(lines), {})
    except PolicyError as error:
        if not str(error):
            raise ValueError("an error that says nothing") from error
        return
    decide(_request(chance), PreparedPolicy(policy), MemoryState(clients=100), NOW)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
