"""`shiomi mcp`."""

from __future__ import annotations

import click

from shiomi.cli.output import configuration

__all__ = ["mcp"]


@click.command()
@click.pass_context
def mcp(context: click.Context) -> None:
    """Answer an MCP client on standard input and output; reads only.

    Its tools are search, story, digests, digest and watch.

    \b
    Example, in the settings of a client:
      {"command": "shiomi", "args": ["-c", "/srv/shiomi/shiomi.toml", "mcp"]}
    """
    from shiomi.extras import needs_extra

    config = configuration(context)
    try:
        from shiomi.site.mcp_server import create_server
    except ModuleNotFoundError as error:
        raise click.ClickException(needs_extra("shiomi mcp", error.name or "mcp", "site")) from None
    create_server(config).run("stdio")
