"""Packets damaged on purpose, each in a way that no reader can mistake for good."""

from __future__ import annotations

import struct

from . import _chance
from ._chance import Purpose

KINDS = ("truncated", "flipped", "magic", "schema", "empty")
"""Ways of damage: cut short anywhere, one bit flipped, no Confluent packet, a schema that nobody has, nothing at all."""

_NO_SCHEMA = 99_999
"""A schema id that no survey uses."""

_FITS = b"SIMPLE  ="
"""The first bytes of a cutout."""


def damage(packet: bytes, kind: str, *keys: int) -> bytes:
    """Return a packet made unreadable.

    Parameters
    ----------
    kind : one of `KINDS`.
    keys : what the place of the damage is drawn with.
    """
    drawn = int(_chance.bits(*keys, Purpose.DAMAGE_PLACE)[0])
    if kind == "truncated":
        return packet[: 1 + drawn % (len(packet) - 1)]
    if kind == "flipped":
        return _longer_cutout(packet, drawn)
    if kind == "magic":
        return bytes([1 + drawn % 255]) + packet[1:]
    if kind == "schema":
        return packet[:1] + struct.pack(">I", _NO_SCHEMA) + packet[5:]
    return b""


def _longer_cutout(packet: bytes, drawn: int) -> bytes:
    """Return the packet with one bit of the last cutout's length set, so that it ends behind the packet's end."""
    # The length is a varint of three bytes, whose last one counts 8,192 bytes a step: even its bit of 8 is more than any cutout has.
    place = packet.rindex(_FITS) - 1
    return packet[:place] + bytes([packet[place] | 8 << drawn % 4]) + packet[place + 1 :]
