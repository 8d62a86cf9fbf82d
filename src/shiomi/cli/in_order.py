"""A group of commands whose help lists them in the order of use, not alphabetically."""

import click


class InOrder(click.Group):
    """List the commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)
