"""`shiomi gate update`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.output import as_json, json_option

__all__ = ["update"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="[NAME=]FILE...")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("gate-data"),
    show_default=True,
    help="The folder to write to; other commands read it with the same option.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with an Ed25519 public key (PEM): each FILE needs a valid signature in FILE.sig.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@json_option
def update(files: tuple[str, ...], data: Path, key: Path | None, dry_run: bool, json: bool) -> None:
    """Read newer patterns and address ranges from files that you have downloaded.

    The command itself downloads nothing. It recognises each file by its content:

    \b
      crawler-user-agents.json   of github.com/monperrus/crawler-user-agents
      robots.json                of github.com/ai-robots-txt/ai.robots.txt
      ranges as JSON             as Google, Bing, OpenAI and Amazon publish them
      networks, one a line       192.0.2.0/24 or 2001:db8::/32; # begins a comment

    The name of a file of ranges is the name of the ranges: googlebot.json has the ranges
    "googlebot". For any other file, write the name before it: openai=gptbot.json. Several files may
    have the same name. Other lists do not change. If a file has an error, nothing is written.

    \b
    Examples:
      shiomi gate update crawler-user-agents.json robots.json
      shiomi gate update googlebot.json openai=gptbot.json openai=searchbot.json
      shiomi gate update --key public.pem robots.json
      shiomi gate update office=our-networks.txt --data /var/lib/gate --dry-run
    """
    import datetime

    from shiomi.gate.identity.signed_file import check_signature
    from shiomi.gate.identity.update import Source, read_update, write_update

    sources = []
    for written in files:
        name, equals, path = written.partition("=")
        whole = not equals or Path(written).exists()
        sources.append(Source(Path(written)) if whole else Source(Path(path), name))
    if key is not None:
        for source in sources:
            check_signature(source.path, key)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    changes = write_update(read_update(sources), data, date=today, dry=dry_run)
    if json:
        as_json({"data": data, "written": not dry_run, "changes": changes})
        return
    for change in changes:
        click.echo(f"{change.name:<22} {change.before:>6} -> {change.after:>6}")
    click.echo(f"{'would write' if dry_run else 'wrote'} {data}")
