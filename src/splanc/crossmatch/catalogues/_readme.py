"""ReadMe files as the archives of catalogues write them (Standards for Astronomical Catalogues, CDS): which bytes of a line are which column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_SECTION = re.compile(r"^Byte-by-byte Description of file:\s*(.+)$", re.IGNORECASE)
_COLUMN = re.compile(r"^\s*(\d+(?:\s*-\s*\d+)?)\s+[AIFE]\d+(?:\.\d+)?\s+(\S+)\s+(\S+)\s")
_RULE = "-" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A column: offset and length in the line, and its unit (empty for none)."""

    place: tuple[int, int]
    unit: str


def read_byte_by_byte(path: Path) -> dict[str, Described]:
    """Return the columns of a file as the ReadMe in its folder describes them; none if there is no ReadMe, or it does not know the file."""
    readme = path.parent / "ReadMe"
    if not readme.is_file():
        return {}
    name = path.name.removesuffix(".gz").removesuffix(".bz2")
    columns: dict[str, Described] = {}
    rules = 3  # those before the titles, after them, and after the columns; more than two: in no section of ours
    for line in readme.read_text("latin-1").splitlines():
        if section := _SECTION.match(line):
            rules = 0 if any(fnmatch(name, pattern) for pattern in section[1].split()) else 3
        elif line.startswith(_RULE):
            rules += 1
        elif rules == 2 and (column := _COLUMN.match(line)) and column[3] != "---":
            unit = "" if column[2] == "---" else column[2]
            columns[column[3]] = Described(place=place_of(column[1]), unit=unit)
    return columns


def place_of(given: str) -> tuple[int, int]:
    """Return offset and length of a column whose bytes are given as catalogues give them, from 1 and both inclusive.

    >>> place_of("42- 50"), place_of("40")
    ((41, 9), (39, 1))
    """
    begin, _, end = given.partition("-")
    return int(begin) - 1, int(end or begin) - int(begin) + 1
