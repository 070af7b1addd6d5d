"""What is refused, by which name, and how the error shows the place."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from splanc.errors import FilterError, UserError
from splanc.filters.language import parse_filter
from splanc.filters.reading import MOST_IN
from splanc.filters.statements import parse_statement

ATTACKS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "attacks.toml").read_text())["attack"]


def refusal(part: str, text: str) -> FilterError:
    texts = {"selected": "ra", "tables": "objects, alert", "conditions": ""}
    with pytest.raises(FilterError) as caught:
        parse_filter(*(parse_statement(text) if part == "statement" else {**texts, part: text}.values()))
    return caught.value


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack['kind']}: {attack['text'][:40]!r}")
def test_attacks_are_refused_by_name(attack: dict[str, Any]) -> None:
    error = refusal(attack["part"], attack["text"])
    assert (error.code, error.why, [error.line, error.column]) == (attack["code"], attack["says"], attack["place"])
    assert isinstance(error, UserError)
    message = str(error).splitlines()
    assert set(message[2].strip()) == {"^"}


def test_the_corpus_is_large_and_of_all_kinds() -> None:
    kinds = Counter(attack["kind"] for attack in ATTACKS)
    assert sum(kinds.values()) >= 120
    assert min(kinds.values()) >= 1
    assert len(kinds) >= 14
    assert len({(attack["part"], attack["text"]) for attack in ATTACKS}) == len(ATTACKS)


GOLDEN = [
    (
        "conditions",
        "nDiaSources > 3\n  AND gpsfFlux > 5",
        """conditions, line 2, column 7: there is no column `gpsfFlux` in the joined tables
    AND gpsfFlux > 5
        ^^^^^^^^
Did you mean `g_psfFlux`?""",
    ),
    (
        "conditions",
        "classification = 'SN'",
        """conditions, line 1, column 1: there is no column `classification` in the joined tables
  classification = 'SN'
  ^^^^^^^^^^^^^^
It is in `sherlock_classifications`: add that to the tables.""",
    ),
    (
        "conditions",
        "dec > 5",
        """conditions, line 1, column 1: there is no column `dec` in the joined tables
  dec > 5
  ^^^
Did you mean `decl`?""",
    ),
    (
        "selected",
        "ra, flux2mg(g_psfFlux) AS mag",
        """selected, line 1, column 5: there is no function `flux2mg`
  ra, flux2mg(g_psfFlux) AS mag
      ^^^^^^^
Did you mean `flux2mag`?""",
    ),
    (
        "tables",
        "objects, watchlists:139",
        """tables, line 1, column 10: there is no table `watchlists`
  objects, watchlists:139
           ^^^^^^^^^^^^^^
Did you mean `watchlist`? Tables are objects, objects_ext, objects_variability, alert, ss_objects_latest, mpc_orbits, sherlock_classifications, \
crossmatch_tns, annotator:…, watchlist:…, area:…, watchmap:…, skymap:….""",
    ),
    (
        "tables",
        "watchlist",
        """tables, line 1, column 1: `watchlist` needs to know which
  watchlist
  ^^^^^^^^^
Write `watchlist:7`, with the number of one.""",
    ),
    (
        "conditions",
        "sherlock_classifications.z > 0.1",
        """conditions, line 1, column 1: no table `sherlock_classifications` is joined
  sherlock_classifications.z > 0.1
  ^^^^^^^^^^^^^^^^^^^^^^^^^^
Add `sherlock_classifications` to the tables. Joined are `objects`, `alert`.""",
    ),
    (
        "conditions",
        "band > 5",
        """conditions, line 1, column 1: a text is compared with a number here
  band > 5
  ^^^^
Put the number in quotes to compare texts, or write CAST(… AS DOUBLE) to compare numbers.""",
    ),
    (
        "conditions",
        "latestPairColourBands",
        """conditions, line 1, column 1: a condition is needed here, and this is a text
  latestPairColourBands
  ^^^^^^^^^^^^^^^^^^^^^
Compare it with something.""",
    ),
    (
        "conditions",
        "round(ra, 1, 2) > 5",
        """conditions, line 1, column 1: round() takes 1 or 2 arguments, and 3 are given
  round(ra, 1, 2) > 5
  ^^^^^^^^^^^^^^^
Such as `round(ra, 2)`.""",
    ),
    (
        "conditions",
        "now() > 'yesterday'",
        """conditions, line 1, column 9: 'yesterday' is not a date, nor a date with a time
  now() > 'yesterday'
          ^^^^^^^^^^^
Such as '2026-11-25' or '2026-11-25 08:30:00', in UTC.""",
    ),
    (
        "selected",
        "objects.ra, alert.ra",
        """selected, line 1, column 13: two columns are called `ra`
  objects.ra, alert.ra
              ^^^^^^^^
Give one another name, such as `AS ra_2`.""",
    ),
]


@pytest.mark.parametrize(("part", "text", "message"), GOLDEN, ids=[text for _, text, _ in GOLDEN])
def test_errors_show_the_place_and_say_what_to_do(part: str, text: str, message: str) -> None:
    assert str(refusal(part, text)) == message


def test_a_long_line_is_shown_around_the_place() -> None:
    text = " AND ".join(["nDiaSources > 3"] * 40 + ["nDiaSurces > 3"] + ["nDiaSources > 3"] * 40)
    head, line, carets, hint = str(refusal("conditions", text)).splitlines()
    assert head.startswith(f"conditions, line 1, column {text.index('nDiaSurces') + 1}: ")
    assert line[carets.index("^") : carets.rindex("^") + 1] == "nDiaSurces"
    assert len(line) <= 102
    assert hint == "Did you mean `nDiaSources`?"


def test_a_list_may_be_long_but_not_endless() -> None:
    listed = ", ".join(map(str, range(MOST_IN)))
    assert len(parse_filter("ra", "objects", f"nDiaSources IN ({listed})").conditions.arguments) == MOST_IN + 1
    error = refusal("conditions", f"nDiaSources IN ({listed}, 7)")
    assert (error.code, error.why) == ("limit", f"the list has {MOST_IN + 1} values, {MOST_IN} are allowed")
