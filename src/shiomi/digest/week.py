"""The week of a digest: seven local days. The date of the last day is the name of the week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shiomi.digest.errors import WeekError

__all__ = ["Week"]

# These limits are inside the range of `date`, so that no sum below overflows.
_FIRST, _LAST = 1900, 9000


@dataclass(frozen=True, slots=True)
class Week:
    """The seven days that end with `last`, in `zone`: from local midnight to local midnight.

    Raises WeekError if `last` is not in the years 1900 to 9000.
    """

    last: date  # the date in the digest's title
    zone: str = "Asia/Tokyo"  # IANA name

    def __post_init__(self) -> None:
        if not _FIRST <= self.last.year <= _LAST:
            raise WeekError(
                f"no week ends on {self.last}; name one of the years {_FIRST} to {_LAST}"
            )

    @property
    def start(self) -> int:
        """The first moment of the week, in unix seconds."""
        return self._midnight(self.last - timedelta(days=6))

    @property
    def end(self) -> int:
        """The first moment after the week, in unix seconds."""
        return self._midnight(self.last + timedelta(days=1))

    def before(self, weeks: int = 1) -> Week:
        """Return the week that ends `weeks` weeks earlier. Raises WeekError if there is none."""
        try:
            last = self.last - timedelta(weeks=weeks)
        except OverflowError:
            raise WeekError(f"no week ends {weeks} weeks before {self.last}") from None
        return Week(last, self.zone)

    @classmethod
    def containing(cls, moment: int, zone: str = "Asia/Tokyo") -> Week:
        """Return the week whose last day is the local day of `moment` (unix seconds).

        Raises WeekError if the year is not from 1900 to 9000.
        """
        local = ZoneInfo(zone)
        try:
            day = datetime.fromtimestamp(moment, local).date()
        except (OverflowError, ValueError, OSError):
            raise WeekError(f"no week holds the moment {moment} (unix seconds)") from None
        return cls(day, zone)

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), ZoneInfo(self.zone)).timestamp())
