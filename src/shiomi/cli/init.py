"""`shiomi init`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.exits import Exit

__all__ = ["init"]


@click.command()
@click.option("--force", is_flag=True, help="Write over a shiomi.toml that is there already.")
@click.pass_context
def init(context: click.Context, force: bool) -> None:
    """Write a commented shiomi.toml.

    Every key stands in it with its default and what it is for, so that the file itself
    is the reference. Nothing else is touched, and nothing is fetched.

    \b
    Example:
      shiomi init && shiomi collect && shiomi digest
    """
    path: Path = context.find_root().obj
    if path.exists() and not force:
        click.echo(f"{path} is there already; --force writes over it", err=True)
        raise click.exceptions.Exit(Exit.FAILED)
    from importlib.resources import files

    text = files("shiomi.cli").joinpath("shiomi.toml").read_text(encoding="utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}; next: shiomi collect")
