"""`shiomi gate import`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.gate.options import data_option
from shiomi.cli.output import as_json, json_option

__all__ = ["import_"]


@click.command(name="import")
@click.argument("kind", type=click.Choice(["anubis", "go-away"]))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("gate.toml"),
    show_default=True,
    help="The policy file to write; it must not exist.",
)
@data_option
@json_option
def import_(kind: str, file: Path, output: Path, data: Path | None, json: bool) -> None:
    """Write the policy of Anubis or go-away as a policy of the gate.

    Rules on paths and addresses are carried over. The command lists every other rule.

    \b
    Examples:
      shiomi gate import anubis botPolicies.yaml
      shiomi gate import go-away policy.yml -o gate.toml
    """
    from shiomi.gate.foreign_policy import import_policy, summary
    from shiomi.gate.identity import load_tables

    done = import_policy(kind, file, load_tables(data))
    try:
        with output.open("x", encoding="utf-8") as out:
            out.write(done.text)
    except FileExistsError:
        raise click.ClickException(f"{output} exists; name another file with -o") from None
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
    if json:
        missing = [{"rule": name, "reason": why} for name, why in done.missing]
        as_json(
            {"file": output, "carried": done.carried, "covered": done.covered, "missing": missing}
        )
        return
    click.echo(f"wrote {output}")
    for line in summary(done):
        click.echo(line)
