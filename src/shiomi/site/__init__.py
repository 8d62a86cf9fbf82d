"""`shiomi serve`: the archive as a web site, an API and an MCP server. It only reads."""
