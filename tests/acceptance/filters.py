"""Fifty filters of a night, each with its meaning in plain Python, and what must come of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from splanc.archive import FilterStore
from splanc.filters.definition import Definition, Output
from splanc.kafka import Record, read_topic
from tests.acceptance.commands import Site

OWNER = "maria"

PER_VISIT = 7
"""Quota of the one filter that has one: records a visit."""

Packet = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A filter, and whether it selects a packet."""

    name: str
    conditions: str
    meant: Callable[[Packet, Packet], bool]
    tables: str = "objects, alert"
    selected: str = "objects.diaObjectId, alert.diaSourceId, alert.psfFlux AS flux"
    output: Output = Output.stream
    records_per_visit: int | None = None


def _above(column: str, limit: float) -> Case:
    return Case(name=f"{column} above {limit}", conditions=f"alert.{column} > {limit}", meant=lambda t, _o: t[column] is not None and t[column] > limit)


def _of_detectors(first: int) -> Case:
    return Case(
        name=f"detectors from {first}",
        conditions=f"alert.detector BETWEEN {first} AND {first + 3}",
        meant=lambda t, _o: first <= t["detector"] <= first + 3,
    )


def _of_band(band: str) -> Case:
    return Case(
        name=f"bright in {band}",
        conditions=f"alert.band = '{band}' AND (alert.psfFlux > 15000 OR alert.psfFlux < -15000)",
        meant=lambda t, _o: t["band"] == band and abs(t["psfFlux"]) > 15000,
    )


def _mean_above(band: str) -> Case:
    column = f"{band}_psfFluxMean"
    return Case(
        name=f"mean in {band}",
        conditions=f"objects.{column} / objects.{column}Err > 40 AND objects.{band}_psfFluxNdata >= 50",
        meant=lambda _t, o: o[column] is not None and o[column] / o[f"{column}Err"] > 40 and o[f"{band}_psfFluxNdata"] >= 50,
    )


CASES: tuple[Case, ...] = (
    *(_above("psfFlux", limit) for limit in (12_000, 20_000, 30_000, 50_000)),
    *(_above("snr", limit) for limit in (60, 80, 120)),
    *(_above("extendedness", limit) for limit in (0.9, 0.99)),
    *(_above("apFlux", limit) for limit in (97_000,)),
    *(_of_detectors(first) for first in range(0, 180, 9)),
    *(_of_band(band) for band in "ugrizy"),
    *(_mean_above(band) for band in "ugrizy"),
    Case(name="nothing", conditions="alert.psfFlux > 1e12", meant=lambda _t, _o: False),
    Case(name="dipoles", conditions="alert.isDipole AND alert.snr > 20", meant=lambda t, _o: bool(t["isDipole"]) and t["snr"] > 20),
    Case(name="no shape", conditions="alert.ixx IS NULL AND alert.snr < 5.5", meant=lambda t, _o: t["ixx"] is None and t["snr"] < 5.5),
    Case(name="corner", conditions="objects.ra > 152 AND objects.decl < -48.5", meant=lambda _t, o: o["ra"] > 152 and o["dec"] < -48.5),
    Case(
        name="with quota",
        conditions="alert.snr > 25",
        meant=lambda t, _o: t["snr"] > 25,
        records_per_visit=PER_VISIT,
    ),
    Case(name="light curves", conditions="alert.psfFlux > 18000", meant=lambda t, _o: t["psfFlux"] > 18_000, output=Output.lightcurve),
    Case(name="full records", conditions="alert.snr > 75", meant=lambda t, _o: t["snr"] > 75, output=Output.full),
    Case(name="silent", conditions="alert.snr > 60", meant=lambda t, _o: t["snr"] > 60, output=Output.none),
)


def create_filters(site: Site) -> None:
    """Create the filters, while the site's PostgreSQL is up."""
    store = FilterStore(site.dsn)
    for case in CASES:
        definition = Definition(
            name=case.name, owner=OWNER, selected=case.selected, tables=case.tables, conditions=case.conditions, output=case.output, public=True
        )
        store.create(definition, records_per_visit=case.records_per_visit)


def add_matches(matches: dict[str, Counter[int]], packet: Packet) -> None:
    """Add the diaSourceId of a packet to the matches of the filters that select it; those without a diaObject are no rows of `objects`."""
    if packet["diaObject"] is None:
        return
    for case in CASES:
        if case.meant(packet["diaSource"], packet["diaObject"]):
            matches.setdefault(case.name, Counter())[packet["diaSource"]["diaSourceId"]] += 1


def assert_matches_are(expected: Mapping[str, Counter[int]], site: Site, night: int) -> None:
    """Assert that each match is in its filter's topic exactly once, that quotas hold, and that the counts say so."""
    filters = {one.definition.name: one for one in FilterStore(site.dsn).all(OWNER)}
    stats = {line["name"]: line for line in site.run("filter", "stats", "--night", night, "--json").lines}
    assert sorted(filters) == sorted(stats) == sorted(case.name for case in CASES)
    assert sum(bool(matches) for matches in expected.values()) > len(CASES) / 2
    for case in CASES:
        matched = expected.get(case.name, Counter())
        said = stats[case.name]
        assert said["matched"] == matched.total(), case.name
        assert said["problems"] == []
        if not matched or case.output is Output.none:
            assert (said["published"], said["withheld"], said["silent"]) == (0, 0, matched.total()), case.name
            continue
        records = list(read_topic(site.settings.kafka, filters[case.name].topic))
        found = Counter(int(record.headers["diaSourceId"]) for record in records)
        assert said["published"] == found.total(), case.name
        assert said["withheld"] == matched.total() - found.total(), case.name
        if case.records_per_visit is None:
            assert found == matched, case.name
        else:
            assert found <= matched, case.name
            visits = Counter(int(record.headers["visit"]) for record in records)
            assert max(visits.values()) <= case.records_per_visit < said["withheld"]
        assert_records_are(case, records)


def assert_records_are(case: Case, records: list[Record]) -> None:
    """Assert that records hold what was selected, under their keys."""
    for record in records:
        said = json.loads(record.value or b"")
        assert list(said)[:4] == ["diaObjectId", "diaSourceId", "flux", "UTC"]
        assert (record.key, record.headers["diaSourceId"]) == (b"%d" % said["diaObjectId"], b"%d" % said["diaSourceId"])
        if case.output in (Output.lightcurve, Output.full):
            newest, *history = said["alert"]["diaSourcesList"]
            assert newest["psfFlux"] == said["flux"]
            assert all(one["midpointMjdTai"] <= newest["midpointMjdTai"] for one in history)
        if case.output is Output.full:
            assert said["alert"]["diaObject"]["diaObjectId"] == said["diaObjectId"]
