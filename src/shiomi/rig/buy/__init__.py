"""Parts, prices, compatibility, and the best machine for a budget."""
