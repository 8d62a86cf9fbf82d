"""`shiomi gate status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shiomi.cli.exits import Exit
from shiomi.cli.gate.options import data_option, policy_path
from shiomi.cli.output import as_json, json_option

__all__ = ["status"]


@click.command()
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The policy.  [default: gate.toml if it exists, else the default policy]",
)
@click.option(
    "--url", default="http://127.0.0.1:9292", show_default=True, help="The address of the service."
)
@data_option
@json_option
def status(file: Path | None, url: str, data: Path | None, json: bool) -> None:
    """Show whether the policy has errors, how old the lists are, and whether the service answers.

    The exit status is 1 if the policy has an error or the service does not answer.
    """
    found = _policy(policy_path(file)) | _lists(data) | _service(url)
    failed = bool(found["problems"]) or not found["answers"]
    if json:
        as_json(found)
    else:
        for line in _lines(found, url):
            click.echo(line)
    if failed:
        raise click.exceptions.Exit(Exit.FAILED)


def _policy(path: Path | None) -> dict[str, Any]:
    from shiomi.gate.errors import PolicyError
    from shiomi.gate.policy import load_policy

    problems: list[str] = []
    if path is not None:
        try:
            load_policy(path)
        except PolicyError as error:
            problems = str(error).splitlines()
    return {"policy": str(path or "the default policy"), "problems": problems}


def _lists(data: Path | None) -> dict[str, Any]:
    import datetime

    from shiomi.gate.identity.freshness import STALE_DAYS, list_dates

    dates = list_dates(data)
    today = datetime.datetime.now(datetime.UTC).date()
    old = sorted(name for name, date in dates.items() if (today - date).days > STALE_DAYS)
    oldest = min(dates.values(), default=today).isoformat()
    return {"lists": len(dates), "oldest": oldest, "stale": old, "stale_days": STALE_DAYS}


def _service(url: str) -> dict[str, Any]:
    import re
    import urllib.error
    import urllib.request

    counts: dict[str, int] = {}
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:  # noqa: S310 - the operator's own
            text = answer.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        return {"answers": False, "error": str(error), "verdicts": counts, "held": counts}
    for verdict, count in re.findall(r'^shiomi_gate_requests_total\{verdict="(\w+)".*\} (\d+)$',
                                     text, re.MULTILINE):  # fmt: skip
        counts[verdict] = counts.get(verdict, 0) + int(count)
    held = {
        kind: int(count)
        for kind, count in re.findall(
            r'^shiomi_gate_state_entries\{kind="(\w+)"\} (\d+)$', text, re.MULTILINE
        )
    }
    return {"answers": True, "error": "", "verdicts": counts, "held": held}


def _lines(found: dict[str, Any], url: str) -> list[str]:
    wrong = [f"  {problem}" for problem in found["problems"]]
    lines = [f"policy    {found['policy']}: {'has errors' if wrong else 'no errors'}", *wrong]
    lines.append(f"lists     {found['lists']}, the oldest from {found['oldest']}")
    if found["stale"]:
        old = ", ".join(found["stale"])
        lines.append(f"          older than {found['stale_days']} days: {old}")
    if not found["answers"]:
        return [*lines, f"service   {url} does not answer: {found['error']}"]
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(found["verdicts"].items()))
    lines.append(f"service   {url} answers; requests: {verdicts or 'none'}")
    if found["held"]:
        held = ", ".join(f"{count} {name}s" for name, count in sorted(found["held"].items()))
        lines.append(f"state     {held}")
    return lines
