"""The type of all estimates: a value with its interval, its basis and its sources."""

from __future__ import annotations

from dataclasses import dataclass

from shiomi.rig.message import Text

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantity with an 80 % interval: 8 of 10 unseen cases lie in [low, high]."""

    value: float
    low: float
    high: float
    unit: str  # "tok/s", "GiB", "s", "W", "JPY/Mtok"
    basis: tuple[Text, ...] = ()  # the basis of the estimate
    sources: tuple[str, ...] = ()  # sources of the coefficients and figures

    @classmethod
    def scaled(
        cls,
        value: float,
        low: float,
        high: float,
        unit: str,
        basis: tuple[Text, ...] = (),
        sources: tuple[str, ...] = (),
    ) -> Estimate:
        """Return an estimate whose bounds are the factors `low` and `high` of the value."""
        return cls(value, value * low, value * high, unit, basis, sources)

    def __post_init__(self) -> None:
        """Raise ValueError if the interval does not contain the value, or a field is not a
        number."""
        if not self.low <= self.value <= self.high:  # also false for NaN
            raise ValueError(f"{self.value} {self.unit} is not within [{self.low}, {self.high}]")
