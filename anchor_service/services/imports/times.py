"""Local times without a zone: what they mean, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Ambiguous = Literal["earlier", "later", "refuse"]

TWICE: Final = "ambiguous local time: the clocks showed it twice, taken as the {}"
NEVER: Final = "the clocks skipped this local time: taken with the offset from before the change"


@dataclass(frozen=True, slots=True)
class TimeRule:
    """How a table writes its times.

    A strptime format (None: ISO 8601), the zone of times without an offset, and what is done with the hour that the
    clocks show twice.
    """

    format: str | None
    zone: ZoneInfo
    ambiguous: Ambiguous

    def read(self, text: str) -> tuple[str, str | None]:
        """Return an RFC 3339 time, and a note where the local time was not certain; ValueError where it is no time.

        A time that the clocks show twice is taken as the earlier or the later by rule, or refused.  One that they
        skipped is taken with the offset from before the change.  Both are said in the note.
        """
        when = datetime.strptime(text, self.format) if self.format else datetime.fromisoformat(text)  # noqa: DTZ007
        if when.tzinfo is not None:
            return when.isoformat(), None
        earlier, later = when.replace(tzinfo=self.zone), when.replace(tzinfo=self.zone, fold=1)
        if earlier.utcoffset() == later.utcoffset():
            return earlier.isoformat(), None
        if earlier.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != when:
            return earlier.isoformat(), NEVER
        if self.ambiguous == "refuse":
            raise ValueError(f"{text} happened twice in {self.zone.key}")
        return (earlier if self.ambiguous == "earlier" else later).isoformat(), TWICE.format(self.ambiguous)
