from shiomi.gate.native.plan import Plan
def haproxy_files(plan: Plan, *, folder: str, service: str | None = None) -> dict[str, str]:
    raise NotImplementedError
