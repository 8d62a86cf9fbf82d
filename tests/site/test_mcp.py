"""The MCP server, asked by the official client over standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

pytestmark = [pytest.mark.process, pytest.mark.anyio]


async def test_a_client_finds_a_thread_its_story_and_the_digest(
    filled: Path, tmp_path: Path
) -> None:
    (tmp_path / "shiomi.toml").write_text(f'archive = "{filled}"\n', encoding="utf-8")
    arguments = ["-m", "shiomi.cli", "-c", str(tmp_path / "shiomi.toml"), "mcp"]
    server = StdioServerParameters(command=sys.executable, args=arguments)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert tools == {"search", "story", "digests", "digest", "watch"}
        found = await session.call_tool("search", {"query": "脆弱性"})
        assert "hackernews" in str(found.content)
        told = await session.call_tool("story", {"uid": "lobsters:a"})
        assert "OpenSSL" in str(told.content)
        page = await session.call_tool("digest", {"last": "2020-12-13"})
        assert "注目のトピック" in str(page.content)
        wrong = await session.call_tool("search", {"query": "a", "since": "x"})
        assert wrong.is_error
