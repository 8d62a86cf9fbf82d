"""Show the archive as a web site and an API (`shiomi serve`), and as an MCP server. All of them
only read."""
