"""`shiomi backup` and `shiomi restore`."""

from __future__ import annotations

from pathlib import Path

import click

from shiomi.cli.output import as_json, configuration, json_option, opened

__all__ = ["backup", "restore"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a file that exists already.")
@json_option
@click.pass_context
def backup(context: click.Context, path: Path, force: bool, json: bool) -> None:
    """Copy the archive to PATH, even while it is in use.

    The copy is one compact file with all threads, readings, links and digests. It is checked before
    it gets its name. `shiomi restore` puts it back.

    \b
    Example:
      shiomi backup /backup/shiomi-$(date +%F).sqlite3
    """
    from shiomi.digest.archive.backup import back_up

    config = configuration(context)
    if isinstance(config.archive, Path) and path.exists() and path.samefile(config.archive):
        raise click.UsageError(f"{path} is the archive itself; name another file")
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists already; --force replaces it")
    with opened(config) as archive:
        size = back_up(archive, path)
    if json:
        as_json({"path": path, "bytes": size})
    else:
        click.echo(f"{path}: {size / 2**20:.1f} MiB, checked")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the archive that exists already.")
@json_option
@click.pass_context
def restore(context: click.Context, path: Path, force: bool, json: bool) -> None:
    """Replace the archive with a copy made by `shiomi backup`.

    Stop `shiomi run` first. The copy is checked, and the old archive is kept until the new one is
    complete. A copy of an earlier version is migrated at its first use.

    \b
    Example:
      shiomi restore /backup/shiomi-2026-11-22.sqlite3 --force
    """
    from shiomi.digest.archive.backup import restore as restore_copy

    config = configuration(context)
    if not isinstance(config.archive, Path):
        raise click.UsageError(
            f"{config.archive} is not a file; use pg_restore, or `shiomi archive copy {path}"
            " ADDRESS`"
        )
    restore_copy(path, config.archive, replace=force)
    with opened(config) as archive:
        threads = archive.status().threads
    if json:
        as_json({"archive": config.archive, "threads": threads})
    else:
        click.echo(f"{config.archive}: {threads:,} threads")
