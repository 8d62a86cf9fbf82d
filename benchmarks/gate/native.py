"""CPU time per request that a compiled policy adds to HAProxy, Apache httpd and Caddy.

    python -m benchmarks.gate.native [--rounds N]

Each server proxies to one nginx that answers everything. It runs without a policy and with the
compiled default policy (`--challenge-as budget`, with budgets too large to refuse), in turns. The
figure is the CPU time of all threads of the server's processes (/proc) divided by the number of
answers to wrk, which sends real browsers' User-Agents. For nginx itself see
`benchmarks.gate.nginx`. Needs the servers, wrk and $SHIOMI_DATA/gate.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.gate.load import DATA, loads, microseconds, wrk_script
from benchmarks.gate.nginx import counting_policy

from shiomi.gate.native import compile_policy
from shiomi.gate.policy import Action
from tests.gate.web_servers import apache, caddy, haproxy, origin, write_files

_RUN = {"apache": apache, "caddy": caddy, "haproxy": haproxy}
_NOTHING = {
    "apache": {"gate.conf": ""},
    "caddy": {"gate.caddy": "(gate) {\n}\n"},
    "haproxy": {"frontend.cfg": "", "tables.cfg": ""},
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    browsers = loads(DATA / "access-log-2015-anonymised.log.gz")["500 browsers"]
    print(f"{'CPU us per request':20}{'alone':>10}{'with the policy':>18}{'more':>10}")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        root = Path(temporary)
        root.chmod(0o755)
        site = f"127.0.0.1:{stack.enter_context(origin(root)).port}"
        for name, run in _RUN.items():
            gate = root / f"{name}-gate"
            compiled = compile_policy(
                name, counting_policy(), folder=str(gate), challenge=Action.BUDGET
            )
            taken: list[list[float]] = [[], []]
            with ExitStack() as pair:
                servers = []
                for kind, files in (("plain", _NOTHING[name]), ("gate", compiled.files)):
                    folder = write_files(root / f"{name}-{kind}", files)
                    started = run(root / f"{name}-{kind}-run", site=site, compiled=folder)
                    servers.append(pair.enter_context(started))
                for _ in range(rounds):
                    for number, running in enumerate(servers):
                        script = wrk_script(root, "browsers", browsers, running.port)
                        taken[number].append(microseconds(running, script, connections=8))
            more = median(b - a for a, b in zip(*taken, strict=True))
            print(f"{name:20}{median(taken[0]):10.1f}{median(taken[1]):18.1f}{more:+10.1f}")


if __name__ == "__main__":
    main()
