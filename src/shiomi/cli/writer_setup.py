"""Choose the writer of the digest: edit [writer] of shiomi.toml, and install a local model."""

from __future__ import annotations

import re
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shiomi.cli.output import echo

if TYPE_CHECKING:
    from shiomi.digest.config import Config
    from shiomi.digest.writing.local.catalogue import Rated
    from shiomi.rig.machine.machine import Machine

__all__ = ["chosen", "facts", "install_model", "listed", "rated_here", "set_writer"]


def set_writer(text: str, endpoint: str, model: str) -> str | None:
    """Return a shiomi.toml with these two values under [writer], or None if it must not be changed.

    Only lines that `shiomi init` wrote and nobody changed are replaced, so that nothing is lost.
    """
    from shiomi.digest.config import parse_config
    from shiomi.digest.errors import ConfigError

    head, table, rest = ("\n" + text).partition("\n[writer]\n")
    inside, following, tail = ("\n" + rest).partition("\n[")
    for key, value in (("endpoint", endpoint), ("model", model)):
        inside = re.sub(rf'(\n{key} = )""( *)', partial(_filled, value), inside, count=1)
    changed = (head + table + inside[1:] + following + tail)[1:]
    try:
        writer = parse_config(changed).writer
    except ConfigError:
        return None
    return changed if (writer.endpoint, writer.model) == (endpoint, model) else None


def _filled(value: str, line: re.Match[str]) -> str:
    """Return the line with the value. A comment after the value keeps its column if possible."""
    return f'{line[1]}"{value}"{" " * max(len(line[2]) - len(value), min(len(line[2]), 2))}'


def rated_here(config: Config, memory_speed: float | None) -> tuple[Machine, list[Rated]]:
    """Return this machine, and the catalogue with the expected speeds on it, best model first."""
    import_module("huggingface_hub")  # first, so that an error names this extra
    from shiomi.cli.rig.machine import chosen_machine
    from shiomi.digest.writing.local.catalogue import measured, rate

    machine = measured(chosen_machine(None, None, memory_speed))
    return machine, rate(machine, config.language, config.digest.topics)


def chosen(config: Config, rated: list[Rated], name: str | None) -> Rated:
    """Return the offer with this name.

    Without a name, return the best offer that writes a digest in time at its lowest estimated
    speed. Raises WriterError if there is none.
    """
    from shiomi.digest.errors import WriterError
    from shiomi.digest.writing.local.catalogue import find_offer

    if name is not None:
        offer = find_offer(name)
        return next(one for one in rated if one.offer.name == offer.name)
    seconds = config.writer.budget_seconds
    for one in rated:
        if one.done_in(seconds):
            return one
    timed = [one for one in rated if one.seconds is not None]
    if not timed:
        raise WriterError("no model of the catalogue runs on this machine; `--list` shows them")
    fastest = min(timed, key=lambda one: one.seconds.value if one.seconds else 0.0)
    raise WriterError(
        f"no model of the catalogue is sure to write a digest within writer.budget_seconds ="
        f" {seconds:.0f} on this machine. The fastest is {fastest.offer.name}:"
        f" {_minutes(fastest)} minutes. Raise the budget, or choose this model with --model"
    )


def listed(rated: list[Rated]) -> list[str]:
    """Return the catalogue as lines of a table."""
    from shiomi.rig.report.table import text_table

    rows = [["model", "GB", "tokens/s", "minutes", "licence", "repository"]]
    rows += [
        [
            one.offer.name,
            f"{one.offer.bytes / 1e9:.1f}",
            f"{one.speed.value:.1f}" if one.speed else "-",
            _minutes(one),
            one.offer.known.licence or "?",
            one.offer.repository,
        ]
        for one in rated
    ]
    return text_table(rows, right=(1, 2, 3))


def facts(one: Rated) -> dict[str, Any]:
    """Return an offer as JSON."""
    return {
        "model": one.offer.name,
        "licence": one.offer.known.licence,
        "repository": one.offer.repository,
        "file": one.offer.file,
        "bytes": one.offer.bytes,
        "bytes_exact": one.offer.exact,
        "sha256": one.offer.sha256 or None,
        "sha256_source": one.offer.source or None,
        "tokens_per_second": one.speed and round(one.speed.value, 1),
        "minutes_per_digest": one.seconds and round(one.seconds.value / 60, 1),
    }


def install_model(
    config: Config,
    one: Rated,
    path: Path,
    *,
    dry_run: bool = False,
    yes: bool = False,
    quiet: bool = False,
    sha256: str = "",
) -> dict[str, Any]:
    """Show what would be downloaded and ask. Then download, verify, and set it in shiomi.toml.

    Return what was done. Raises WriterError, and click.Abort if the answer is no.
    """
    from shiomi.digest.writing.local.download import ask_hub, download, free_bytes, pinned

    offer, folder = one.offer, config.writer.models
    remote = ask_hub(offer)
    expected = pinned(offer, remote, folder / offer.file, sha256)
    done = facts(one) | {
        "file": str(folder / offer.file),
        "bytes": remote.bytes,
        "bytes_exact": True,
        "sha256": expected,
        "free_bytes": free_bytes(folder),
        "in_time": one.done_in(config.writer.budget_seconds),
    }
    if not quiet:
        _describe(done, config)
    if dry_run:
        return done | {"downloaded": False}
    if not yes:
        if not (sys.stdin and sys.stdin.isatty()):
            raise click.UsageError("nothing is downloaded without being asked for: add --yes")
        click.confirm("Download it?", abort=True, err=True)
    fetched = download(offer, remote, folder, expected, quiet=quiet)
    done |= {"downloaded": fetched, "in_use": _use(config, path)}
    if not quiet:
        echo(f"{'got' if fetched else 'already have'} {folder / offer.file}, SHA-256 verified")
        if done["in_use"]:
            echo("next: shiomi writer check")
        else:
            echo(f'to use it, set endpoint = "" and model = "local" under [writer] in {path}')
    return done


def _use(config: Config, path: Path) -> bool:
    """Set `model = "local"` if [writer] names no model. Return whether the local model is used."""
    from shiomi.atomic import write_atomically

    if config.writer.wanted:
        return config.writer.local
    changed = set_writer(path.read_text(encoding="utf-8"), "", "local")
    if changed is not None:
        write_atomically(path, changed, mode=path.stat().st_mode & 0o777)
    return changed is not None


def _describe(done: dict[str, Any], config: Config) -> None:
    speed, minutes = done["tokens_per_second"], done["minutes_per_digest"]
    echo(f"model    {done['model']}, licence {done['licence']}")
    echo(f"from     {done['repository']}")
    echo(f"to       {done['file']}")
    echo(f"size     {done['bytes'] / 1e9:.2f} GB; {done['free_bytes'] / 1e9:.1f} GB are free")
    if speed is None or minutes is None:
        echo("speed    it does not fit into this machine's memory, or its speed is not known")
        return
    topics = config.digest.topics
    echo(f"speed    about {speed:g} tokens/s, {minutes:g} minutes for {topics} topics (estimate)")
    if not done["in_time"]:
        budget = config.writer.budget_seconds
        echo(f"note     this may take longer than writer.budget_seconds = {budget:.0f}")


def _minutes(one: Rated) -> str:
    if one.seconds is None:
        return "does not fit"
    return f"{one.seconds.value / 60:.0f} ({one.seconds.low / 60:.0f}-{one.seconds.high / 60:.0f})"
