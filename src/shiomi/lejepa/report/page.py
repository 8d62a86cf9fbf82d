"""Render the report as one HTML page without scripts or external files, also for phones and dark
mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from markupsafe import Markup

from shiomi.lejepa.report.gather import Findings, Rows, Space
from shiomi.lejepa.report.normality import Direction
from shiomi.lejepa.report.svg import Series, figure, histogram, line_plot, quantile_plot

__all__ = ["Plot", "plain_name", "render_page"]

_MOST_POINTS = 240  # points of a line; longer lines are averaged
_TABLE_ROWS = 12
_SKIPPED = 200  # number of files that are listed
_LONGEST = 80  # most characters of a name


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its legend and a table of its values."""

    title: str
    svg: Markup
    text: str
    legend: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def render_page(found: Findings) -> str:
    """Return the HTML page of the facts."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(name=plain_name, number=figure, percent=lambda x: f"{x:.1%}")
    source = resources.files(__package__).joinpath("templates/report.html.j2")
    template = environment.from_string(source.read_text(encoding="utf-8"))
    shown = found.skipped[:_SKIPPED]
    return template.render(
        run=found,
        key_figures=_key_figures(found),
        curves=_curves(found),
        spectra=[_spectrum(space) for space in (found.features, found.embedding) if space],
        directions=_directions(found),
        settings=[(key, _setting(value)) for key, value in found.config.items()],
        skipped=shown,
        more_skipped=len(found.skipped) - len(shown),
    )


def plain_name(name: object) -> str:
    """Return a file's name as one short line of visible characters. Its end is kept."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(name))
    return text if len(text) <= _LONGEST else "\u2026" + text[1 - _LONGEST :]


def _key_figures(found: Findings) -> list[tuple[str, str, str]]:
    """Return name, value and meaning of the most important figures."""
    last = found.evaluations[-1] if found.evaluations else {}
    first = found.evaluations[0] if len(found.evaluations) > 1 else {}
    metrics = found.metrics[-1] if found.metrics else {}
    figures = []
    for key, name in (("knn", "kNN accuracy"), ("probe", "Linear probe")):
        value, before = last.get(key), first.get(key)
        if value is not None:
            was = "" if before is None else f"{before:.1%} at step {first.get('step') or 0:,.0f}"
            figures.append((name, f"{value:.1%}", was))
    if found.features:
        of = f"of {found.features.width} directions"
        figures.append(("RankMe", f"{found.features.rankme:.1f}", of))
    if (loss := metrics.get("loss")) is not None:
        figures.append(("Loss", f"{loss:.4f}", f"after {metrics.get('step') or 0:,.0f} steps"))
    if (value := metrics.get("criterion")) is not None:
        figures.append(("Criterion", f"{value:.4f}", "loss / \u03bb^0.4, to compare runs"))
    figures.append(("Images", f"{found.images:,}", f"{len(found.skipped):,} files skipped"))
    return figures


def _curves(found: Findings) -> list[Plot]:
    wanted = (
        ("Loss", found.metrics, ("loss", "prediction"), "total, and its prediction part"),
        ("SIGReg", found.metrics, ("sigreg",), "how far the embedding is from N(0, I)"),
        ("Learning rate", found.metrics, ("lr",), "warm-up, then a cosine"),
        ("Accuracy", found.evaluations, ("knn", "probe"), "of frozen features, by labels"),
        ("RankMe", found.evaluations, ("rankme",), "directions the features use"),
    )
    plots = []
    for title, rows, keys, text in wanted:
        series = [one for key in keys if (one := _series(rows, key)).points]
        if not series:
            continue
        label = f"{title} by step. " + " ".join(_told(one) for one in series)
        svg = line_plot([_shortened(one) for one in series], label=label, x_label="step")
        legend = tuple(one.name for one in series) if len(series) > 1 else ()
        steps = [x for x, _ in series[0].points]
        picked = _picked(len(steps))
        table = [
            (f"{steps[i]:,.0f}", *(figure(one.points[i][1]) for one in series))
            for i in picked
            if all(i < len(one.points) for one in series)
        ]
        head = ("step", *(one.name for one in series))
        plots.append(Plot(title, svg, text, legend, head, tuple(table)))
    return plots


def _series(rows: Rows, key: str) -> Series:
    points = [
        (step, value)
        for row in rows
        if (step := row.get("step")) is not None and (value := row.get(key)) is not None
    ]
    return Series({"knn": "kNN", "rankme": "RankMe", "lr": "rate"}.get(key, key), points)


def _told(series: Series) -> str:
    """Return one sentence that describes the line for readers who cannot see it."""
    first, last = series.points[0], series.points[-1]
    return f"{series.name}: from {figure(first[1])} to {figure(last[1])} at step {last[0]:,.0f}."


def _shortened(series: Series) -> Series:
    """Return the series with at most `_MOST_POINTS` points, each the mean of consecutive points."""
    points = series.points
    size = math.ceil(len(points) / _MOST_POINTS)
    if size <= 1:
        return series
    runs = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(x for x, _ in run) / len(run), sum(y for _, y in run) / len(run)) for run in runs]
    return Series(series.name, means)


def _picked(count: int) -> list[int]:
    """Return up to `_TABLE_ROWS` of `count` row numbers, including the first and the last."""
    if count <= _TABLE_ROWS:
        return list(range(count))
    return [round(i * (count - 1) / (_TABLE_ROWS - 1)) for i in range(_TABLE_ROWS)]


def _spectrum(space: Space) -> Plot:
    values = space.eigenvalues
    points = [(i + 1.0, value) for i, value in enumerate(values)]
    embedding = space.name == "embedding"
    text = (
        "of the projector's output, which SIGReg draws to the dashed line at 1"
        if embedding
        else "of the encoder's output, which is what is used later"
    )
    label = (
        f"Eigenvalues of the covariance of the {space.name}, {space.width} of them, from"
        f" {figure(values[0])} to {figure(values[-1])}; RankMe {figure(space.rankme)}."
    )
    svg = line_plot(
        [Series("eigenvalue", points)],
        label=label,
        x_label="component",
        log_y=True,
        reference=1.0 if embedding else None,
    )
    rows = tuple((str(i + 1), figure(values[i])) for i in _picked(len(values)))
    title = f"{space.name.capitalize()}: RankMe {space.rankme:.1f} of {space.width}"
    return Plot(title, svg, text, (), ("component", "eigenvalue"), rows)


def _directions(found: Findings) -> list[tuple[str, Direction, Plot, Plot]]:
    if found.normal is None:
        return []
    result = []
    for name, one in (
        ("the most normal", found.normal.most),
        ("the median", found.normal.median),
        ("the least normal", found.normal.least),
    ):
        label = f"Histogram of the embedding along {name} direction, beside the density of N(0, 1)."
        bars = histogram(one.values, label=label, density=_normal_density)
        label = f"Quantiles along {name} direction against those of N(0, 1)."
        dots = quantile_plot(one.quantiles, label=label)
        picked = [one.quantiles[i] for i in _picked(len(one.quantiles))]
        rows = tuple((f"{u:.2f}", f"{v:.2f}") for u, v in picked)
        head = ("of N(0, 1)", "of the projection")
        result.append(
            (name, one, Plot("Density", bars, ""), Plot("Quantiles", dots, "", (), head, rows))
        )
    return result


def _normal_density(u: float) -> float:
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def _setting(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_setting, value))
    return plain_name(value)
