"""How fast a simulated night is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UserError
from ._fields import SECONDS_PER_VISIT

_BURST_SECONDS = 5.0
"""Time within which the alerts of a visit come out of the observatory, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When messages are due.

    Parameters
    ----------
    visit_seconds : time from visit to visit, seconds; 0 is none.
    burst_seconds : time within which a visit's messages are sent, seconds.
    per_second : steady rate of messages, whatever visit they are of; None leaves it to the visits.
    """

    visit_seconds: float = 0.0
    burst_seconds: float = 0.0
    per_second: float | None = None

    @classmethod
    def parse(cls, text: str) -> Pace:
        """Return the pace that a text asks for: "burst", "max", a steady rate such as "250/s", or the burst shape sped up such as "10x".

        >>> Pace.parse("10x")
        Pace(visit_seconds=3.9, burst_seconds=0.5, per_second=None)

        Raises
        ------
        UserError
            If it is something else.
        """
        if text == "max":
            return cls()
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(x|/s)", "1x" if text == "burst" else text)
        number = float(match[1]) if match else 0.0
        if not match or number == 0:
            raise UserError(f"no pace {text!r}; give burst, max, a rate such as 250/s, or a speed-up of bursts such as 10x")
        if match[2] == "/s":
            return cls(per_second=number)
        return cls(visit_seconds=SECONDS_PER_VISIT / number, burst_seconds=_BURST_SECONDS / number)

    def due_seconds(self, visit: int, part: float, sent: int) -> float:
        """Return when a message is due, seconds after the first one.

        Parameters
        ----------
        visit : how many visits came before.
        part : the part of its visit that came before, between 0 and 1.
        sent : how many messages came before.
        """
        if self.per_second is not None:
            return sent / self.per_second
        return visit * self.visit_seconds + part * self.burst_seconds
