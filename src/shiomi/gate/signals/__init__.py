"""Signals: what the site says to crawlers, all made from the policy."""

from shiomi.gate.signals.own_files import own_files, own_headers

__all__ = ["own_files", "own_headers"]
