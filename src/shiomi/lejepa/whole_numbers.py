"""Options that must be whole numbers, refused by name before torch or C reads them otherwise."""

from __future__ import annotations

from shiomi.lejepa.errors import InputError

__all__ = ["check_whole"]


def check_whole(name: str, value: object, least: int = -(1 << 63)) -> None:
    """Raise InputError where `value` is no int of 64 bits, or is below `least`.

    True and 3.0 are none: what was meant is not what torch would make of them.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value < 1 << 63:  # type: ignore[operator]
        at_least = f" of at least {least}" if least > -(1 << 63) else ""
        raise InputError(f"{name} is {value!r}; give a whole number (int){at_least}")
