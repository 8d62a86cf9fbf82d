"""The week a digest is about: seven local days, named by the last of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["Week"]


@dataclass(frozen=True, slots=True)
class Week:
    """The seven days that end with `last`, in `zone`: from local midnight to local midnight."""

    last: date  # the date in the digest's title
    zone: str = "Asia/Tokyo"  # IANA name

    @property
    def start(self) -> int:
        """Unix seconds of the first moment of the week."""
        return self._midnight(self.last - timedelta(days=6))

    @property
    def end(self) -> int:
        """Unix seconds of the first moment after the week."""
        return self._midnight(self.last + timedelta(days=1))

    def before(self, weeks: int = 1) -> Week:
        """The week that ends `weeks` weeks earlier."""
        return Week(self.last - timedelta(weeks=weeks), self.zone)

    @classmethod
    def containing(cls, moment: int, zone: str = "Asia/Tokyo") -> Week:
        """The week whose last day is the local day of `moment` (unix seconds)."""
        return cls(datetime.fromtimestamp(moment, ZoneInfo(zone)).date(), zone)

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), ZoneInfo(self.zone)).timestamp())
