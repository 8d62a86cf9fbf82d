"""Shiomi (潮見, "watching the tide"): a self-hosted watch over overseas developer communities."""

__version__ = "0.1.0"
