from shiomi.gate.native.plan import Plan
def apache_files(plan: Plan, *, folder: str, service: str | None = None) -> dict[str, str]:
    raise NotImplementedError
