"""The errors of the gate, as one tree.

GateError
├── PolicyError    a policy has an unknown key, a wrong value or contradicts itself; says where
├── DataError      a file of patterns, address ranges or robots.txt cannot be read
├── StateError     the shared state cannot be opened or reached
├── CompileError   a policy cannot be written for that server
└── MissingError   a library that is needed is not installed; the text says how to get it
"""

__all__ = ["CompileError", "DataError", "GateError", "MissingError", "PolicyError", "StateError"]


class GateError(Exception):
    """Base of all errors for users of the gate; the text names the value and the remedy."""


class PolicyError(GateError):
    """A policy has an unknown key, a wrong value or contradicts itself; says where."""


class DataError(GateError):
    """A file of patterns, address ranges or robots.txt cannot be read."""


class StateError(GateError):
    """The shared state cannot be opened or reached."""


class CompileError(GateError):
    """A policy cannot be written for that server."""


class MissingError(GateError, ImportError):
    """A required library is not installed. The message explains how to install it."""
