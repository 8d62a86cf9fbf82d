"""The errors of the gate, as one tree.

GateError
├── PolicyError    a policy has an unknown key, a wrong value or a contradiction; names the line
├── DataError      a file of patterns, address ranges, keys or robots.txt cannot be read
├── StateError     the shared state cannot be opened or reached
├── CompileError   a policy cannot be written as a server's configuration
└── MissingError   a required library is not installed; names the extra that contains it
"""

__all__ = ["CompileError", "DataError", "GateError", "MissingError", "PolicyError", "StateError"]


class GateError(Exception):
    """The base of all errors of the gate. The text names the wrong value and what is allowed."""


class PolicyError(GateError): ...


class DataError(GateError): ...


class StateError(GateError): ...


class CompileError(GateError): ...


class MissingError(GateError, ImportError): ...
