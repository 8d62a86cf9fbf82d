"""CPU time per request of forward auth: nginx and the gate's service, compared with nginx alone.

    python -m benchmarks.gate.forward_auth [--rounds N] [--seconds S]

nginx with one worker serves a page of 1 KB and asks `shiomi gate serve` about each request. Both
are installed as in the docs: the printed configuration, a state in a file, uvicorn's default loop
and parser. wrk sends requests of 500 browsers that have the challenge's cookie. A figure is the CPU
time of both servers (/proc/PID/schedstat) divided by the number of answers. For the last row, the
service uses asyncio and h11. Needs nginx, wrk and $SHIOMI_DATA/gate.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.gate.asgi import cookies, policy
from benchmarks.gate.load import asked, spent, wrk, wrk_script

from shiomi.gate.forward_auth.server_config import forward_auth_config
from shiomi.gate.policy import Action
from tests.gate.servers import ROOT, Server, server
from tests.gate.web_servers import nginx
from tests.loopback import free_port

_SERVICE = """
import sys
from pathlib import Path
from benchmarks.gate.asgi import policy
from shiomi.gate.forward_auth import serving
from shiomi.gate.policy import Action
serving.load_policy = lambda path: policy(Action.CHALLENGE)
serving.serve(
    serving.Service(policy=Path("x"), state="gate.state", dns=False), port=int(sys.argv[1])
)
"""
_PLAIN = "location / { root {folder}; }"


def service(folder: Path, *, plain: bool) -> tuple[list[str], int]:
    """Return the command of the service, and its port."""
    script = folder / f"service-{plain}.py"
    hidden = "import sys; sys.modules['uvloop'] = sys.modules['httptools'] = None\n"
    script.write_text((hidden if plain else "") + _SERVICE, encoding="utf-8")
    port = free_port()
    return [sys.executable, str(script), str(port)], port


def main() -> None:
    """Print the table."""
    arguments, agents = asked(__doc__)
    given = policy(Action.CHALLENGE)
    taken: dict[str, list[tuple[float, ...]]] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        folder.chmod(0o755)
        (folder / "1k.html").write_text("x" * 1024, encoding="utf-8")
        script = wrk_script(folder / "cookie.lua", agents, cookies=cookies(agents))
        plain = _PLAIN.replace("{folder}", str(folder))
        rows: dict[str, tuple[Server, ...]] = {}
        rows["nginx alone"] = (stack.enter_context(nginx(folder / "plain", server_block=plain)),)
        for name, without in (("nginx and the service", False), ("  under asyncio and h11", True)):
            command, port = service(folder, plain=without)
            path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
            log = folder / f"service-{port}.log"
            service_ = stack.enter_context(
                server(command, port=port, log=log, cwd=folder, environment=path)
            )
            http = forward_auth_config("nginx-http", given, f"127.0.0.1:{port}")
            block = forward_auth_config("nginx", given, f"127.0.0.1:{port}")
            front = nginx(folder / f"front-{port}", http=http, server_block=f"{block}\n{plain}")
            rows[name] = (stack.enter_context(front), service_)
        for number in range(arguments.rounds + 1):
            for name, servers in rows.items():
                before = [spent(one) for one in servers]
                answers = wrk(servers[0], script, seconds=arguments.seconds)
                after = [spent(one) for one in servers]
                if number:  # the first round warms up
                    each = tuple((b - a) / answers for a, b in zip(before, after, strict=True))
                    taken.setdefault(name, []).append(each)
    print(f"{'CPU us per request':28}{'median':>9}{'least':>9}   nginx, service (medians)")
    for name, figures in taken.items():
        sums = [sum(one) for one in figures]
        parts = " + ".join(f"{median(column):.1f}" for column in zip(*figures, strict=True))
        print(f"{name:28}{median(sums):>9.1f}{min(sums):>9.1f}   {parts}")


if __name__ == "__main__":
    main()
