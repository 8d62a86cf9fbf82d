"""`shiomi gate policy`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit
from shiomi.cli.output import as_json, json_option

__all__ = ["policy"]

# Listed here, so that --help reads no file; a test compares them with the presets that ship.
_PRESETS = (
    "api", "cgit", "django", "fastapi", "forgejo", "gitlab", "mediawiki", "podcast", "static",
    "wordpress",
)  # fmt: skip


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("gate.toml"))
@click.option(
    "--check",
    is_flag=True,
    help="Check FILE instead: report unknown keys, wrong values and contradictions.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option(
    "--for",
    "preset",
    type=click.Choice(_PRESETS),
    help="Add rules for the paths that programs use on this kind of site.",
)
@json_option
def policy(file: Path, check: bool, force: bool, preset: str | None, json: bool) -> None:
    """Write the default policy to FILE, with comments, or check a policy.

    The file contains every key with its default and an explanation, so it is also the reference.
    FILE is gate.toml by default; - means standard output.

    \b
    Examples:
      shiomi gate policy                       write gate.toml
      shiomi gate policy --for forgejo         the same, open to git, packages and the API
      shiomi gate policy --check gate.toml     list every error with its line
    """
    if check:
        _check(file, json=json)
    else:
        _write(file, preset, force=force, json=json)


def _check(file: Path, *, json: bool) -> None:
    from shiomi.gate.errors import PolicyError
    from shiomi.gate.policy import load_policy

    try:
        found = load_policy(file)
    except PolicyError as error:
        if not json:
            raise
        as_json({"file": file, "problems": str(error).splitlines()})
        raise click.exceptions.Exit(Exit.FAILED) from None
    if json:
        as_json({"file": file, "problems": []})
        return
    click.echo(f"{file}: no errors")
    for purpose, rule in found.purposes.items():
        unverified = "" if rule.unverified is rule.action else f"; unproven: {rule.unverified}"
        click.echo(f"  {purpose:<14} {rule.action}{unverified}")


def _write(file: Path, preset: str | None, *, force: bool, json: bool) -> None:
    from shiomi.gate.policy import default_policy_text, preset_text

    text = default_policy_text() if preset is None else preset_text(preset)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        click.echo(f"{file} exists; --force overwrites it", err=True)
        raise click.exceptions.Exit(Exit.FAILED) from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    if json:
        as_json({"file": file})
    else:
        click.echo(f"wrote {file}; next: shiomi gate try /some/page --as gptbot --policy {file}")
