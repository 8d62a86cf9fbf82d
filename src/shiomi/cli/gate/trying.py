"""`shiomi gate try`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.cli.gate.options import chosen_policy, data_option
from shiomi.cli.output import as_json, echo, json_option

if TYPE_CHECKING:
    from shiomi.gate.trial import Trial

__all__ = ["try_"]


@click.command(name="try")
@click.argument("url")
@click.option(
    "--as",
    "client",
    default="browser",
    show_default=True,
    metavar="CLIENT",
    help="The name of a bot (gptbot), browser, or a whole User-Agent.",
)
@click.option(
    "--from",
    "address",
    default="192.0.2.1",
    show_default=True,
    metavar="ADDRESS",
    help="The client's address; it is looked up in the published ranges.",
)
@click.option(
    "--proven/--disproven",
    default=None,
    help="Assume that the client's claim was proven or disproven by DNS or a signature.",
)
@click.option(
    "--passed", is_flag=True, help="Assume that the client has passed the challenge before."
)
@click.option("--method", default="GET", show_default=True, help="The method of the request.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A further header; may be repeated.",
)
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The policy.  [default: gate.toml if it exists, else the default policy]",
)
@data_option
@json_option
def try_(
    url: str,
    client: str,
    address: str,
    proven: bool | None,
    passed: bool,
    method: str,
    headers: tuple[str, ...],
    file: Path | None,
    data: Path | None,
    json: bool,
) -> None:
    """Show what the policy does to one request, and why, step by step.

    URL is the address of a page, or only its path. No request is sent.

    \b
    Examples:
      shiomi gate try /blog/1 --as gptbot
      shiomi gate try /blog/1 --as googlebot --from 66.249.66.1
      shiomi gate try /feed.xml --as "curl/8.14"
      shiomi gate try https://example.org/ --as browser --passed
    """
    import time

    from shiomi.gate.identity import load_tables
    from shiomi.gate.trial import trial, user_agent_of

    tables = load_tables(data)
    found = trial(
        url,
        chosen_policy(file),
        tables,
        time.time(),
        user_agent=user_agent_of(client, tables),
        address=address,
        method=method,
        headers=tuple(_header(text) for text in headers),
        proven=proven,
        passed=passed,
    )
    if json:
        as_json(_document(found))
    else:
        _print(found)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"a header must be 'Name: value', got {text!r}")
    return name.strip(), value.strip()


def _document(found: Trial) -> dict[str, object]:
    decision, response = found.decision, found.decision.response
    return {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "purpose": decision.purpose,
        "client": decision.client,
        "verified": found.identity.verified,
        "retry_after": decision.retry_after,
        "path": found.request.path,
        "user_agent": found.request.user_agent,
        "steps": [{"step": step, "found": what} for step, what in found.steps],
        "status": response.status if response else None,
        "headers": response.headers if response else decision.headers,
    }


def _print(found: Trial) -> None:
    decision, response = found.decision, found.decision.response
    echo(f"{found.request.method} {found.request.target}")
    echo(f"  {'User-Agent':<14}{found.request.user_agent[:200] or 'none'}")
    for step, what in found.steps:
        echo(f"  {step:<14}{what}")
    echo(f"{decision.verdict} ({decision.reason})")
    if response is None:
        echo("  the site answers")
        for name, value in decision.headers:
            echo(f"  adding {name}: {value}")
        return
    shown = {"Refresh", "Location", "Retry-After", "Set-Cookie"}
    echo(f"  the gate answers {response.status}, {len(response.body):,} bytes")
    for name, value in response.headers:
        if name in shown:
            echo(f"  {name}: {value}")
