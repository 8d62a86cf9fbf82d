"""Plans a local-AI computer: what runs on it, how fast, what to buy."""
