"""`shiomi rig check`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.machine import language_option

__all__ = ["check"]


@click.command()
@click.argument("parts", nargs=-1, required=True)
@click.option("--volts", default=100.0, show_default=True, help="Volts of the wall's circuit.")
@click.option("--amps", default=15.0, show_default=True, help="Amperes of the wall's circuit.")
@click.option(
    "--shared-layers",
    is_flag=True,
    help="All cards compute each layer together and need PCIe lanes.",
)
@click.option(
    "--parts",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with parts of your own: gpu.csv, psu.csv and so on.",
)
@json_option
@language_option
def check(
    parts: tuple[str, ...],
    volts: float,
    amps: float,
    shared_layers: bool,
    folder: Path | None,
    json: bool,
    lang: str,
) -> None:
    """Check whether parts fit together in one computer.

    PARTS are names, part numbers or ids of the catalogue. Give a part twice for two pieces.
    Incompatible parts are refused with the reason. If the catalogue lacks a fact, the result is
    "unknown, check", never "fits". The exit status is 4 if something is refused.

    \b
    Example:
      shiomi rig check "AMD Ryzen 7 7700X" "MSI PRO B650-P WIFI" "MSI MAG A750BN PCIE5 III"
    """
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.buy.compatibility import check_build
    from shiomi.rig.buy.findings import Refusal
    from shiomi.rig.buy.parts import Build
    from shiomi.rig.buy.wattage import Circuit
    from shiomi.rig.buy.wish import Wish
    from shiomi.rig.report.wording import say, text_of

    circuit = Wish(circuit=Circuit(volts=volts, amps=amps)).circuit  # `Wish` checks its ranges
    catalog = load_catalog(folder)
    chosen = [catalog.find(name) for name in parts]
    found = check_build(Build.of(chosen), circuit=circuit, shared_layers=shared_layers)
    refused = [x for x in found if isinstance(x, Refusal)]
    if json:
        as_json(
            {
                "parts": [
                    {"id": x.id, "name": x.name, "doubts": [text_of(d, lang) for d in x.doubts]}
                    for x in chosen
                ],
                "refused": [
                    {"check": str(x.check), "text": text_of(x.message, lang)} for x in refused
                ],
                "unknown": [
                    {"check": str(x.check), "text": text_of(x.message, lang)}
                    for x in found
                    if x not in refused
                ],
            }
        )
    else:
        for part in chosen:
            echo(f"{say(lang, 'category', part.category)}: {part.name}")
            for doubt in part.doubts:
                echo(f"  {say(lang, 'check', 'doubt')}: {text_of(doubt, lang)}")
        for finding in found:
            kind = "refused" if finding in refused else "unknown"
            echo(f"{say(lang, 'check', kind)}: {text_of(finding.message, lang)}")
        if not found:
            echo(say(lang, "check", "sound"))
    if refused:
        raise click.exceptions.Exit(Exit.FOUND)
