"""`shiomi gate compile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shiomi.atomic import write_atomically
from shiomi.cli.gate.options import chosen_policy, data_option
from shiomi.cli.output import as_json, complain, json_option

if TYPE_CHECKING:
    from shiomi.gate.native import Compiled

__all__ = ["compile_"]

_SERVERS = ("nginx", "apache", "caddy", "haproxy")
_USE = {
    "nginx": (
        "include {folder}/http.conf;    in `http {{ }}`",
        "include {folder}/server.conf;  in `server {{ }}`",
        "pcre_jit on;  in the main block, for speed",
    ),
    "apache": (
        "Include {folder}/gate.conf     in `<VirtualHost>`, before ProxyPass",
        "a2enmod rewrite remoteip headers proxy proxy_http",
    ),
    "caddy": (
        "import {folder}/gate.caddy     at the top of the Caddyfile",
        "import gate                    in the site's block",
    ),
    "haproxy": (
        "paste {folder}/frontend.cfg into `frontend`",
        "haproxy -f haproxy.cfg -f {folder}/tables.cfg",
    ),
}


@click.command(name="compile")
@click.argument("server", type=click.Choice(_SERVERS))
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write to; the server reads the files there.  [default: gate-SERVER]",
)
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The policy.  [default: gate.toml if it exists, else the default policy]",
)
@click.option(
    "--challenge-as",
    type=click.Choice(["budget", "deny", "tarpit", "service"]),
    help="What to do with clients that the policy challenges, because no server can do that alone."
    " `service`: nginx asks `shiomi gate serve`, which challenges them.",
)
@click.option(
    "--frequent",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="ACCESS.log",
    help="An access log: nginx looks up its most frequent User-Agents first, for speed.",
)
@data_option
@json_option
def compile_(
    server: str,
    folder: Path | None,
    file: Path | None,
    challenge_as: str | None,
    frequent: Path | None,
    data: Path | None,
    json: bool,
) -> None:
    """Write a policy as the configuration of SERVER, which then needs no other service.

    The output and the top of each file list what the server cannot do. The files contain the path
    of their folder, so write them to the place where the server will read them.

    \b
    Examples:
      shiomi gate compile nginx -o /etc/nginx/gate --challenge-as budget
      shiomi gate compile haproxy --policy gate.toml --challenge-as deny
      shiomi gate compile nginx --challenge-as budget --frequent /var/log/nginx/access.log
    """
    from shiomi.gate.native import compile_policy
    from shiomi.gate.policy import Action

    folder = (folder or Path(f"gate-{server}")).absolute()
    service = challenge_as == "service"
    compiled = compile_policy(
        server,
        chosen_policy(file),
        folder=str(folder),
        challenge=Action(challenge_as) if challenge_as and not service else None,
        service=service,
        frequent=_agents(frequent) if frequent else None,
        data=data,
    )
    _write(compiled, folder)
    _say(compiled, folder, json=json)


def _agents(log: Path) -> list[str]:
    """Return the most frequent User-Agents of an access log."""
    from shiomi.gate.native.frequent import most_frequent
    from shiomi.gate.report.access_log import Reading, read_hits

    return most_frequent(hit.user_agent or "" for hit in read_hits([log], Reading()))


def _write(compiled: Compiled, folder: Path) -> None:
    """Write the files, each completely or not at all."""
    try:
        for name, text in compiled.files.items():
            write_atomically(folder / name, text)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from None


def _say(compiled: Compiled, folder: Path, *, json: bool) -> None:
    use = [line.format(folder=folder) for line in _USE[compiled.server]]
    if json:
        as_json(
            {
                "server": compiled.server,
                "folder": str(folder),
                "files": sorted(compiled.files),
                "use": use,
                "cannot": [{"name": gap.name, "text": gap.text} for gap in compiled.gaps],
            }
        )
        return
    click.echo(f"{folder}: {', '.join(sorted(compiled.files))}")
    for line in use:
        click.echo(f"  {line}")
    complain(f"what {compiled.server} cannot do:")
    for gap in compiled.gaps:
        click.echo(f"  {gap.name}: {gap.text}", err=True)
