"""What a simulation sent: the other side of the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ._chance import mix


def digest_of(ids: npt.NDArray[np.int64]) -> str:
    """Return a digest of a set of ids that does not depend on their order: the sum of their scattered values modulo 2^64, in hexadecimal.

    Digests of disjoint sets add up to that of their union; an id that is there twice counts twice.

    >>> digest_of(np.array([1, 2])) == digest_of(np.array([2, 1]))
    True
    """
    return f"{int(mix(ids.astype(np.int64).view(np.uint64)).sum(dtype=np.uint64)):016x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSent:
    """What was sent of one visit.

    Parameters
    ----------
    visit : its number.
    alerts : different good alerts.
    solar : how many of them are of solar-system objects.
    repeated : packets of this visit that were sent a second time, in this visit or the next one.
    damaged : damaged packets that were sent in this visit beside the good ones.
    digest : of the good alerts' diaSourceIds; see `digest_of`.
    """

    visit: int
    alerts: int
    solar: int
    repeated: int
    damaged: int
    digest: str

    @property
    def messages(self) -> int:
        """All that was sent."""
        return self.alerts + self.repeated + self.damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent of a night: received = alerts + repeated + damaged, of which `alerts` are to be archived and `damaged` rejected.

    Parameters
    ----------
    seconds : how long sending took.
    """

    night: int
    seed: int
    schema_version: str
    corpus: str
    destination: str
    seconds: float
    visits: tuple[VisitSent, ...]

    @property
    def messages(self) -> int:
        """All that was sent."""
        return sum(visit.messages for visit in self.visits)

    @property
    def alerts(self) -> int:
        """Different good alerts."""
        return sum(visit.alerts for visit in self.visits)

    @property
    def repeated(self) -> int:
        """Packets that were sent a second time."""
        return sum(visit.repeated for visit in self.visits)

    @property
    def damaged(self) -> int:
        """Packets that cannot be read."""
        return sum(visit.damaged for visit in self.visits)

    @property
    def digest(self) -> str:
        """Digest of the good alerts' diaSourceIds; see `digest_of`."""
        return f"{sum(int(visit.digest, 16) for visit in self.visits) % 2**64:016x}"

    def write(self, path: Path) -> None:
        """Write it as JSON, totals included."""
        totals = {name: getattr(self, name) for name in ("messages", "alerts", "repeated", "damaged", "digest")}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"total": totals, **asdict(self)}, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Sent:
        """Return what was written.

        Raises
        ------
        UserError
            If the file is missing or is something else.
        """
        try:
            record = json.loads(path.read_text("utf-8"))
            visits = tuple(VisitSent(**visit) for visit in record.pop("visits"))
            record.pop("total")
            return cls(**record, visits=visits)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} does not say what a simulation sent: {error}; give the file that `splanc simulate` wrote") from error
