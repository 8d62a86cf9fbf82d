"""Check whether parts fit together. A refusal names the parts and the reason. If a value is
unknown, the result is never "fits".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shiomi.rig.buy.findings import Finding, Refusal
from shiomi.rig.buy.parts import Build, Category, Cpu, GraphicsCard, Part, PowerSupply
from shiomi.rig.buy.relations import relations
from shiomi.rig.buy.wattage import Circuit, check_power

__all__ = ["check_build"]

_SLOT_NAMES = {
    Category.GPU: "gpu", Category.CPU: "cpu", Category.BOARD: "board", Category.MEMORY: "kit",
    Category.STORAGE: "drive", Category.SUPPLY: "supply", Category.CASE: "case",
    Category.COOLER: "cooler",
}  # fmt: skip


def check_build(
    parts: Build | Iterable[Part],
    *,
    circuit: Circuit | None = None,
    shared_layers: bool = False,
) -> list[Finding]:
    """Return all refusals, then all unknown facts, of the given parts. Parts may be missing.

    `shared_layers` means that all graphics cards compute each layer together. Raises PlanError if
    there are two parts of a category that may have only one, such as two CPUs.
    """
    build = parts if isinstance(parts, Build) else Build.of(parts)
    found: list[Finding] = []
    for relation in relations(shared_layers=shared_layers):
        left, right = build.get(relation.left), build.get(relation.right)
        if left and right:
            judged = relation.judge(relation.left_key(left), relation.right_key(right))
            if judged is not None:
                named = (
                    (_SLOT_NAMES[relation.left], _name(left)),
                    (_SLOT_NAMES[relation.right], _name(right)),
                )
                found.append(replace(judged, slots=(*named, *judged.slots)))
    for supply in build.only(PowerSupply):
        cpu = next(iter(build.only(Cpu)), None)
        cards = build.only(GraphicsCard)
        found += check_power(cards, cpu, supply, circuit or Circuit())
    return sorted(found, key=lambda x: not isinstance(x, Refusal))


def _name(parts: tuple[Part, ...]) -> str:
    names = list(dict.fromkeys(part.name for part in parts))
    if len(names) == 1 and len(parts) > 1:
        return f"{len(parts)} x {names[0]}"
    return " + ".join(names)
