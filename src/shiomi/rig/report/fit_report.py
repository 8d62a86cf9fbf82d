"""A machine, and the models that run on it, as text and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from shiomi.rig.estimate.assumed import without
from shiomi.rig.estimate.fit import Runs
from shiomi.rig.estimate.memory import usable_gib
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Place
from shiomi.rig.estimate.use import USES, Capability, Use, worth
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.quality import quality_table
from shiomi.rig.report.table import figure, filled, text_table, text_width, tokens_text, wrapped
from shiomi.rig.report.wording import phrases, say, text_of, texts_of, unit_text, wording

__all__ = [
    "estimate_json", "fit_json", "fit_text", "machine_json", "machine_text", "place_text",
    "range_text", "score_text",
]  # fmt: skip

_LEAST_NAME = 16  # columns of a model's name


def machine_text(machine: Machine, language: str = "en", *, unknown: bool = True) -> str:
    """Return the machine as lines. Unknown facts are listed unless `unknown` is False."""
    phrase = phrases(language, "machine")

    nothing = phrase("not_known")
    rows = [[phrase("gpu"), _gpu_text(gpu, len(list(same)))] for gpu, same in groupby(machine.gpus)]
    memory = nothing if machine.memory_gib is None else f"{machine.memory_gib:.4g} GiB"
    if machine.memory_bandwidth_gb_s is not None:
        memory += f", {machine.memory_bandwidth_gb_s:.4g} GB/s"
    cores = "" if machine.cores is None else f", {phrase('cores', count=machine.cores)}"
    disk = []
    if machine.disk_free_gb is not None:
        disk.append(f"{machine.disk_free_gb:,.0f} GB {phrase('free')}")
    if machine.disk_read_gb_s is not None:
        disk.append(f"{machine.disk_read_gb_s:.2g} GB/s")
    rows += [
        *([] if rows else [[phrase("gpu"), phrase("none")]]),
        [phrase("memory"), memory],
        [phrase("cpu"), f"{machine.cpu or nothing}{cores}"],
        [phrase("disk"), ", ".join(disk) or nothing],
    ]
    lines = [text_of(machine.name, language), *(f"  {line}" for line in text_table(rows))]
    if unknown:
        lines += [f"  {phrase('unknown')}: {text_of(x, language)}" for x in machine.unknown]
    return "\n".join(lines) + "\n"


def machine_json(machine: Machine) -> dict[str, Any]:
    """Return the machine as an object for json.dumps; `parse_machine` reads it back."""
    return asdict(machine) | {
        "name": text_of(machine.name),
        "unknown": [text_of(x) for x in machine.unknown],
    }


def fit_text(
    machine: Machine,
    runs: Sequence[Runs],
    best: Mapping[str, Runs],
    use: Use,
    *,
    near: Sequence[tuple[Runs, int]] = (),
    of: int,
    most: int | None = None,
    language: str = "en",
    columns: int | None = None,
) -> str:
    """Return the table of models that run, with at most `most` rows, and the best model per use.

    `near` has the models that only just fit, each with the longest context that surely fits. `of`
    is the number of models that were tried. `columns` is the width of the terminal (None: no
    limit). If a row would be wider, bounds are printed below their values and names are broken, so
    that 80 columns are enough.
    """
    phrase = phrases(language, "fit")

    lines = [
        phrase(
            "run",
            count=len(runs),
            of=of,
            context=f"{use.setting.context:,}",
            users=use.setting.users,
            engine=use.setting.engine,
        )
    ]
    shown = runs[:most]
    narrow = False
    if shown:
        table = _table(shown, use, language, stacked=False)
        narrow = columns is not None and max(map(text_width, table)) > columns
        lines += [
            "",
            *(_table(shown, use, language, stacked=True, columns=columns) if narrow else table),
        ]
    if len(runs) > len(shown):
        lines.append(phrase("more", count=len(runs) - len(shown)))
    if best:
        chosen = [[f"  {_purpose(key, language)}", _choice(x, language)] for key, x in best.items()]
        lines += ["", phrase("best"), *text_table(chosen)]
    elif runs:
        lines += ["", phrase("none_fast", speed=f"{use.floor.write:g}")]
    if narrow and any(x.place is Place.EXPERTS_IN_RAM for x in shown):
        lines += ["", phrase("gpu_and_ram")]
    lines += ["", *_close(near, language), *_notes(shown, machine, language)]
    return "\n".join(line for text in lines for line in wrapped(text, columns)) + "\n"


def fit_json(
    machine: Machine, runs: Sequence[Runs], best: Mapping[str, Runs], use: Use
) -> dict[str, Any]:
    """Return the same as an object for json.dumps."""
    return {
        "machine": text_of(machine.name),
        "use": use.name,
        "context": use.setting.context,
        "users": use.setting.users,
        "engine": use.setting.engine,
        "models": [_json(x, use) for x in runs],
        "best": {purpose: x.known.name for purpose, x in best.items()},
        "unknown": [text_of(x) for x in machine.unknown],
    }


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate with its whole basis."""
    if estimate is None:
        return None
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "unit": estimate.unit,
        "basis": texts_of(estimate.basis),
        "sources": list(estimate.sources),
    }


def range_text(estimate: Estimate | None, nothing: str = "?") -> str:
    """Format a value with its bounds; a value is never printed without them."""
    if estimate is None:
        return nothing
    return f"{figure(estimate.value)} ({figure(estimate.low)}-{figure(estimate.high)})"


def score_text(found: Capability) -> str:
    """Format a score; a star marks a score by rule."""
    return figure(found.score) + ("" if found.listed else "*")


def _json(runs: Runs, use: Use) -> dict[str, Any]:
    found = worth(runs, use, quality_table())
    return {
        "model": runs.known.name,
        "score": round(found.score, 1),
        "score_listed": found.listed,
        "parameters": runs.model.parameters,
        "active_parameters": runs.model.active_parameters,
        "quantisation": runs.quantisation,
        "place": str(runs.place),
        "layers_with_experts_in_ram": runs.ram_layers,
        "gpus": runs.gpus,
        "memory": estimate_json(runs.memory.total),
        "host_memory": estimate_json(runs.memory.host),
        "usable": estimate_json(runs.usable),
        "surely_fits": runs.sure,
        "decode": estimate_json(runs.decode),
        "prefill": estimate_json(runs.prefill),
        "longest_context": runs.context,
        "languages": list(runs.known.languages),
        "licence": runs.known.licence,
        "released": runs.known.released,
        "source": runs.model.source,
        "assumed": runs.model.assumed and text_of(runs.model.assumed.message),
        "note": text_of(runs.note),
    }


def _table(
    shown: Sequence[Runs], use: Use, language: str, *, stacked: bool, columns: int | None = None
) -> list[str]:
    """Return the rows as lines. `stacked`: bounds below values, names broken."""
    phrase = phrases(language, "fit")

    heads = [
        (phrase("model"), ""),
        (phrase("format"), phrase("score") if stacked else ""),
        *([] if stacked else [(phrase("score"), "")]),
        (phrase("where"), ""),
        (phrase("gib"), ""),
        (phrase("decode"), phrase("bounds")),
        (phrase("prefill"), ""),
        (phrase("context"), ""),
    ]
    rows = [heads, *(_row(x, use, language, stacked=stacked) for x in shown)]
    joint = "\n" if stacked else " "
    cells = [[joint.join(x for x in cell if x) for cell in row] for row in rows]
    if stacked and columns is not None:
        rest = text_table([row[1:] for row in cells])
        room = max(_LEAST_NAME, columns - 2 - max(map(text_width, rest)))
        cells = [[_broken(name, room), *others] for name, *others in cells]
    return text_table(cells, (3, 4, 5, 6) if stacked else (2, 4, 5, 6, 7))


def _broken(name: str, room: int) -> str:
    """Break a model's name after hyphens into lines of at most `room` columns."""
    return "\n".join(filled(re.findall(r"[^-]*-|[^-]+", name), room, indent=1))


def _row(runs: Runs, use: Use, language: str, *, stacked: bool) -> list[tuple[str, str]]:
    """Return each cell in two parts: the figure and its bounds."""
    needed = runs.memory.total.value
    if runs.place is Place.RAM:
        needed += runs.memory.host.value
    beside = f"+{figure(runs.memory.host.value)}" if runs.place is Place.EXPERTS_IN_RAM else ""
    doubt = "" if runs.sure else "~"
    gib = (
        (figure(needed), beside + doubt)
        if beside and stacked
        else (figure(needed) + beside + doubt, "")
    )
    where = place_text(runs, language, short=stacked)
    score = score_text(worth(runs, use, quality_table()))
    return [
        (runs.known.name, ""),
        (runs.quantisation, score if stacked else ""),
        *([] if stacked else [(score, "")]),
        (where, ""),
        gib,
        _in_two(runs.decode),
        _in_two(runs.prefill),
        (tokens_text(runs.context), ""),
    ]


def place_text(runs: Runs, language: str, *, short: bool = False) -> str:
    """Describe the place of the weights: the number of GPUs, or of layers with experts in RAM."""
    count = runs.ram_layers if runs.place is Place.EXPERTS_IN_RAM else runs.gpus
    table = "place_short" if short else "place"
    return say(language, table, str(runs.place), count=count)


def _in_two(estimate: Estimate | None) -> tuple[str, str]:
    value, _, bounds = range_text(estimate).partition(" ")
    return value, bounds


def _notes(shown: Sequence[Runs], machine: Machine, language: str) -> list[str]:
    bases = dict.fromkeys(
        texts_of(without(x.decode.basis, x.model.assumed), language)
        for x in shown
        if x.decode is not None and x.place is not Place.RAM  # each has its own figure
    )
    if any(x.place is Place.RAM for x in shown):
        bases[say(language, "fit", "from_ram")] = None
    lines = [f"{say(language, 'fit', 'basis')}: {x}" for x in bases]
    lines += [
        f"{x.known.name}: {text_of(x.model.assumed.message, language)}"
        for x in shown
        if x.model.assumed is not None
    ]
    if any(not x.sure for x in shown):
        lines.append(say(language, "fit", "unsure"))
    if any(x.ram_layers for x in shown):
        lines.append(say(language, "fit", "ram_layers"))
    if machine.gpus and machine.gpus[0].unified:
        lines.append(texts_of(usable_gib(machine.gpus[0]).basis, language))
    if any(x.decode is None for x in shown):
        lines.append(say(language, "fit", "unknown_speed"))
    if shown:
        lines.append(say(language, "fit", "order"))
    unknown = say(language, "machine", "unknown")
    return lines + [f"{unknown}: {text_of(x, language)}" for x in machine.unknown]


def _close(near: Sequence[tuple[Runs, int]], language: str) -> list[str]:
    """Return lines on good, fast models that only just fit, and on how to make room for them."""
    lines = []
    for x, context in near:
        slots = {
            "model": f"{x.known.name} {x.quantisation}",
            "needed": range_text(x.memory.total),
            "usable": range_text(x.usable),
            "speed": range_text(x.decode),
            "context": f"{context:,}",
        }
        lines.append("  " + say(language, "fit", "near" if context else "near_no_context", **slots))
    return [say(language, "fit", "near_title"), *lines, ""] if lines else []


def _choice(runs: Runs, language: str) -> str:
    speed = f"{range_text(runs.decode)} {unit_text('tok/s', language)}"
    return f"{runs.known.name} {runs.quantisation}, {speed}"


def _purpose(key: str, language: str) -> str:
    if key in USES:
        return say(language, "purpose", key)
    purposes = wording(language)["purpose"]
    return purposes.get(f"language_{key}") or purposes["language"].format(language=key)


def _gpu_text(gpu: Gpu, number: int) -> str:
    count = f"{number} x " if number > 1 else ""
    return f"{count}{gpu.name}, {gpu.memory_gib:.4g} GiB, {gpu.bandwidth_gb_s:.4g} GB/s"
