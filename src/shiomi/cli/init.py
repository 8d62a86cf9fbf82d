"""`shiomi init`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shiomi.cli.exits import Exit

__all__ = ["init"]


@click.command()
@click.option("--force", is_flag=True, help="Replace an existing shiomi.toml.")
@click.option(
    "--contact",
    help="A URL or e-mail address for the User-Agent, so that operators can reach you."
    "  [asked for on a terminal]",
)
@click.pass_context
def init(context: click.Context, force: bool, contact: str | None) -> None:
    """Write a commented shiomi.toml.

    Every key is in it with its default and its purpose, so that the file itself is the
    reference. It may hold secrets, so that only you can read it (mode 0600). Nothing else is
    touched, and nothing is fetched.

    \b
    Example:
      shiomi init --contact you@example.org && shiomi collect && shiomi digest
    """
    path: Path = context.find_root().obj
    if path.exists() and not force:
        click.echo(f"{path} exists already; --force replaces it", err=True)
        raise click.exceptions.Exit(Exit.FAILED)
    from importlib.resources import files

    from shiomi.atomic import write_atomically

    text = files("shiomi.cli").joinpath("shiomi.toml").read_text(encoding="utf-8")
    if contact is None and sys.stdin is not None and sys.stdin.isatty():
        contact = click.prompt(
            "A URL or e-mail address for the User-Agent (empty: none)", default="",
            show_default=False,
        )  # fmt: skip
    if contact:
        if not (contact.isascii() and contact.isprintable()) or '"' in contact or "\\" in contact:
            raise click.UsageError("--contact must be a URL or e-mail address in plain ASCII")
        text = text.replace('contact = ""', f'contact = "{contact}"', 1)
    try:
        write_atomically(path, text, mode=0o600)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}; next: shiomi collect")
