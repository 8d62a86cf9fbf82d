"""Count the honest programs of `tests/gate/honest.py` that reach a site behind its preset.

    python -m benchmarks.gate.honest

Each request is judged in process; the programs themselves do not run here, but for git, which
`tests/gate/test_honest.py` runs.
"""

from __future__ import annotations

from shiomi.gate.decision import PreparedPolicy, Verdict, decide
from shiomi.gate.policy import Policy, parse_policy, preset_text
from shiomi.gate.state.memory import MemoryState
from tests.gate.clients_of import NOW, sent
from tests.gate.honest import AI, HONEST, Program


def verdict(program: Program, agent: str, policy: Policy) -> Verdict:
    """Return what becomes of the program's request, sent with this User-Agent."""
    request = sent(program.path, agent, *program.headers, peer=program.peer, method=program.method)
    return decide(request, PreparedPolicy(policy), MemoryState(clients=10), NOW).verdict


def main() -> None:
    """Print how many programs reach the site, and whether AI crawlers do at the same paths."""
    through, denied, default = 0, 0, 0
    paths = [one for one in HONEST if not one.path.startswith("/.well-known/")]
    for one in HONEST:
        policy = parse_policy(preset_text(one.preset) if one.preset else "")
        let = verdict(one, one.agent, policy) is Verdict.ALLOW
        default += verdict(one, one.agent, Policy()) is Verdict.ALLOW
        through += let
        if one in paths:
            denied += all(verdict(one, agent, policy) is Verdict.DENY for agent in AI)
        if not let:
            print(f"not through: {one}")
    print(f"programs through, with the preset of the site   {through} of {len(HONEST)}")
    print(f"programs through, with the default policy       {default} of {len(HONEST)}")
    print(f"paths at which five AI crawlers are all denied  {denied} of {len(paths)}")


if __name__ == "__main__":
    main()
