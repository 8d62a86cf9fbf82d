"""The archive as a web site, an API (`shiomi serve`) and an MCP server. All of them only read."""
