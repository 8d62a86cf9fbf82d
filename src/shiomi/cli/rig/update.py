"""`shiomi rig update`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.installed import install, rig_folder
from shiomi.rig.tables import MOST_BYTES, bounded, fetch

__all__ = ["update"]


@click.command()
@click.argument("source")
@click.option("--key", help="The signer's public key in base64; required the first time.")
@click.option(
    "--rows", is_flag=True, help="SOURCE has speeds that `shiomi rig measure --share` wrote."
)
@json_option
def update(source: str, key: str | None, rows: bool, json: bool) -> None:
    """Install newer tables, or speeds that others measured.

    SOURCE is a file or an https address. A data file has GPUs, models, coefficients, scores and
    example prices with their day and sources. It is used only if it is signed by the trusted key
    and every table in it can be read. With --rows, SOURCE is a file of measured speeds. Rows that
    cannot be true are left out; the others correct the estimates of their GPU types.

    \b
    Examples:
      shiomi rig update rig-data.json --key 3Yx...=
      shiomi rig update https://example.org/rig-data.json
      shiomi rig update --rows speeds.jsonl
    """
    if rows:
        _import_rows(source, json)
        return
    day = install(_fetched(source), key)
    if json:
        as_json({"date": day, "folder": rig_folder()})
    else:
        echo(f"installed the data of {day} in {rig_folder() / 'data.json'}")


def _import_rows(source: str, json: bool) -> None:
    from shiomi.rig.estimate.shared_rows import believable, parse_rows

    kept, refused = believable(parse_rows(_fetched(source)))
    file = rig_folder() / "rows.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = set(file.read_text(encoding="utf-8").splitlines()) if file.exists() else set()
    new = [x.line for x in kept if x.line not in known]
    with file.open("a", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in dict.fromkeys(new))
    if json:
        as_json({"added": len(new), "refused": refused, "file": file})
        return
    echo(f"{len(new)} rows added to {file}")
    for line in refused:
        echo(f"  left out: {line}")


def _fetched(source: str) -> bytes:
    if urlsplit(source).scheme in ("http", "https"):
        return fetch(source)
    try:
        with Path(source).open("rb") as file:
            return bounded(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise click.ClickException(f"{source} cannot be read: {error.strerror}") from None
