"""Print all estimates for one model on one machine, as text and as JSON."""

from __future__ import annotations

from typing import Any

from shiomi.rig.estimate.assumed import without
from shiomi.rig.estimate.estimates import Estimates
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.model import Model
from shiomi.rig.report.fit_report import estimate_json, range_text
from shiomi.rig.report.table import text_table
from shiomi.rig.report.wording import phrases, text_of, texts_of, unit_text

__all__ = ["estimates_json", "estimates_text"]

_MEMORY = ("weights", "kv", "buffers", "total", "host")


def estimates_text(
    model: Model, machine: Machine, setting: Setting, found: Estimates, language: str = "en"
) -> str:
    """Return a line for each estimate with its bounds, then the basis of each."""
    phrase = phrases(language, "speed")

    def rests(estimate: Estimate) -> str:
        return texts_of(without(estimate.basis, model.assumed), language)

    rows = []
    for name in _MEMORY:
        rows.append([phrase(name), range_text(getattr(found.memory, name)), "GiB"])
        if name == "kv" and len(found.kv_by_kind) > 1:
            rows += [[f"  {phrase(k)}", range_text(v), "GiB"] for k, v in found.kv_by_kind.items()]
    if found.fit is not None:
        rows.append([phrase("usable"), range_text(found.fit.usable), "GiB"])
    rows += [
        [phrase(name), range_text(x), unit_text(x.unit, language)]
        for name, x in found.known.items()
    ]
    title = phrase(
        "title",
        model=model.name,
        quantisation=setting.quantisation or model.quantisation or "?",
        machine=text_of(machine.name, language),
        context=f"{setting.context:,}",
        users=setting.users,
        engine=setting.engine,
    )
    lines = [
        title,
        *(f"  {line}" for line in text_table(rows, right=(1,))),
        _verdict(found, phrase),
    ]
    if model.context_length is not None and setting.context > model.context_length:
        lines.append(phrase("untrained", trained=f"{model.context_length:,}"))
    if model.assumed is not None:
        lines.append(phrase("assumed", what=text_of(model.assumed.message, language)))
    lines += [
        f"{phrase(name)}: ? {text_of(reason, language)}" for name, reason in found.missing.items()
    ]
    lines += ["", phrase("rests")]
    for name, x in found.known.items():
        lines.append(f"  {phrase(name)}: {rests(x)}")
    lines += [f"  {phrase(x)}: {rests(getattr(found.memory, x))}" for x in ("weights", "kv")]
    sources = dict.fromkeys(s for x in found.known.values() for s in x.sources)
    sources |= dict.fromkeys(s for s in found.memory.total.sources if s)
    lines += [phrase("sources"), *(f"  {source}" for source in sources)]
    return "\n".join(lines) + "\n"


def estimates_json(
    model: Model, machine: Machine, setting: Setting, found: Estimates
) -> dict[str, Any]:
    """Return the same as an object for json.dumps."""
    fit = found.fit
    return {
        "model": model.name,
        "parameters": model.parameters,
        "active_parameters": model.active_parameters,
        "machine": text_of(machine.name),
        "quantisation": setting.quantisation or model.quantisation,
        "context": setting.context,
        "users": setting.users,
        "engine": setting.engine,
        "memory": {name: estimate_json(getattr(found.memory, name)) for name in _MEMORY},
        "kv_by_kind": {kind: estimate_json(x) for kind, x in found.kv_by_kind.items()},
        "fits": None if fit is None else fit.fits,
        "surely": None if fit is None else fit.sure,
        "usable": None if fit is None else estimate_json(fit.usable),
        **{name: estimate_json(x) for name, x in found.known.items()},
        "assumed": model.assumed and text_of(model.assumed.message),
        "missing": {k: text_of(x) for k, x in found.missing.items()},
    }


def _verdict(found: Estimates, phrase: Any) -> str:
    if found.fit is None:
        return str(phrase("no_gpu"))
    if found.fit.fits:
        return str(phrase("fits" if found.fit.sure else "may_fit"))
    return str(phrase("fits_not" if found.fit.sure else "may_not_fit"))
