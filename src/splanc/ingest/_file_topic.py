"""The place of packets from files, which is in no topic."""

from __future__ import annotations

FILE_TOPIC = "file:"
"""What the topic of a packet from a file begins with in the archive; the path follows."""
