"""A night made from real packets: repeatable, at any pace, to Kafka or to a file, with a record of what was sent.

What the real alerts say is kept (null patterns, images, most columns); identity, place, time, brightness and history are made,
as functions of a seed that give the same bytes on every machine.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._pace import Pace
    from ._send import send, write_file
    from ._sent import Sent, VisitSent, digest_of
    from ._simulation import Simulation, Visit
else:
    __getattr__ = load_on_use(__name__)

__all__ = ["Pace", "Sent", "Simulation", "Visit", "VisitSent", "digest_of", "send", "write_file"]
