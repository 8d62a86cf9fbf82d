"""Signals: statements of the site to crawlers, generated from the policy."""

from shiomi.gate.signals.own_files import own_files
from shiomi.gate.signals.usage import own_headers

__all__ = ["own_files", "own_headers"]
