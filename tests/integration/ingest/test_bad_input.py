"""Bad input, from packets through the pipeline into the archive: nothing stops a batch, and what is impossible is named."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from splanc.archive import Archive, ArchiveLoad
from splanc.features import FEATURE_COLUMNS, Features, add_moving_objects
from splanc.packet import RECORDS, Batch, Decoder, Schema, encode
from splanc.packet.record import column_name
from splanc.sky import Dust, index_sky
from splanc.streams import lite_records
from tests.support.packets import SCHEMA_IDS, RecordMaker, messages_of, real_records, schema_store

Record = dict[str, Any]

FIRST_ID = 1_000_000
"""Ids of the packets made here begin at its multiples; each packet has a thousand of its own."""

IMPOSSIBLE = {"ra", "dec", "midpointMjdTai"}
"""Fields of a trigger that must be there: without a place and a time there is no alert."""

TABLES = {
    "diaSource": ("diasources", "diaSourceId"),
    "prvDiaSources": ("diasources", "diaSourceId"),
    "prvDiaForcedSources": ("diaforcedsources", "diaForcedSourceId"),
    "diaObject": ("objects", "diaObjectId"),
    "ssSource": ("sssources", "diaSourceId"),
    "mpc_orbits": ("mpc_orbits", "designation"),
}
"""Table and key of each record of a packet."""


class Pipeline:
    """What a node does with messages, in one process."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.schemas = schema_store(folder)
        self.schema: Schema = self.schemas.get(1000)
        self._decoder = Decoder(self.schemas, max_packet_bytes=10_000_000)
        # Without a map, colours and fits would be NULL whatever came.
        np.save(folder / "ebv.npy", np.full(12, 0.1, np.float32))
        self._features = Features(Dust(folder / "ebv.npy"))

    def take(self, *records: Record) -> Batch:
        """Decode packets and run all stages and both sides on them; the first and the last must come through unharmed."""
        return self.take_encoded([encode(self.schema, record) for record in records])

    def take_encoded(self, packets: list[bytes]) -> Batch:
        """Do the same with packets of any schema."""
        ends = [encode(self.schema, fresh(number)) for number in (0, len(packets) + 1)]
        batch = self._decoder.decode(messages_of([ends[0], *packets, ends[1]]))
        batch = add_moving_objects(self._features.compute_features(index_sky(batch)))
        lines, _ = lite_records(batch)
        assert len([json.loads(line) for line in lines]) == len(batch)
        with Archive(self.dsn) as archive:
            loaded = archive.load(ArchiveLoad(alerts=batch.alerts, tables=batch.tables, spans={}, node="n"))
        assert (loaded.archived, loaded.repeated) == (len(batch), 0)
        good = batch.alerts["message"].to_pylist()
        assert {0, len(packets) + 1} <= set(good)
        assert self.rows(f"SELECT count(*) FROM objects WHERE diaobjectid IN ({object_id(0)}, {object_id(len(packets) + 1)}) AND nrsources > 0") == [
            {"count": 2}
        ]
        return batch

    def rows(self, statement: str) -> list[Record]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()

    def object(self, number: int) -> Record:
        (row,) = self.rows(f"SELECT * FROM objects WHERE diaobjectid = {object_id(number)}")
        return row


@pytest.fixture
def pipeline(archive_dsn: str, tmp_path: Path) -> Pipeline:
    return Pipeline(archive_dsn, tmp_path)


def object_id(number: int) -> int:
    return FIRST_ID * (1 + number)


REAL = real_records()
DEEP = max((record for record in REAL if record["diaObject"]), key=lambda record: len(record["prvDiaSources"] or ()))
MOVING = next(record for record in REAL if record["ssSource"])


def fresh(number: int) -> Record:
    """Return an alert of an object of its own: in band r, with four sources before it and four forced ones."""
    record = copy.deepcopy(DEEP)
    first = object_id(number)
    source = record["diaSource"] | {"diaObjectId": first, "band": "r", "psfFlux": 900.0, "psfFluxErr": 30.0}
    mjd = source["midpointMjdTai"]
    forced = {name: source.get(name) for name in RECORDS["diaForcedSource"].names} | {"dec": source["dec"]}
    record["diaSourceId"] = first
    record["diaSource"] = source | {"diaSourceId": first}
    record["prvDiaSources"] = [source | {"diaSourceId": first + i, "midpointMjdTai": mjd - 5 + i, "band": "gr"[i % 2]} for i in range(1, 5)]
    record["prvDiaForcedSources"] = [
        forced | {"diaForcedSourceId": first + i, "diaObjectId": first, "midpointMjdTai": mjd - 5 + i, "band": "r"} for i in range(4)
    ]
    record["diaObject"] |= {"diaObjectId": first}
    return record | dict.fromkeys(("cutoutDifference", "cutoutScience", "cutoutTemplate"))


def moving(number: int) -> Record:
    """Return an alert of a moving object of its own."""
    record = copy.deepcopy(MOVING)
    first = object_id(number)
    record |= {"diaSourceId": first} | dict.fromkeys(("cutoutDifference", "cutoutScience", "cutoutTemplate"))
    record["diaSource"] |= {"diaSourceId": first, "ssObjectId": first}
    record["ssSource"] |= {"diaSourceId": first, "ssObjectId": first}
    record["mpc_orbits"] |= {"designation": str(first)}
    return record


def with_value(record: Record, where: str, field: str, value: object) -> Record:
    """Return an alert with another value of a field; in a history, of its first source."""
    part = record[where][0] if isinstance(record[where], list) else record[where]
    part[field] = value
    return record


def fields_of(schema: Schema, where: str) -> list[tuple[str, set[str]]]:
    """Return the fields of a record and their types."""

    def unwrapped(kind: Any) -> Any:
        while not (isinstance(kind, dict) and kind["type"] == "record"):
            kind = kind["items"] if isinstance(kind, dict) else next(branch for branch in kind if branch != "null")
        return kind

    (field,) = (field for field in schema.parsed["fields"] if field["name"] == ("diaSource" if where == "prvDiaSources" else where))
    found = []
    for one in unwrapped(field["type"])["fields"]:
        kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
        found.append((one["name"], {kind["type"] if isinstance(kind, dict) else kind for kind in kinds}))
    return found


@pytest.mark.parametrize("where", TABLES)
def test_null_and_nan_anywhere(pipeline: Pipeline, where: str) -> None:
    """Each field once NULL where the schema allows it, and once NaN where it is a floating point number."""
    make = fresh if where in fresh(0) and fresh(0)[where] else moving
    cases = [(field, None) for field, kinds in fields_of(pipeline.schema, where) if "null" in kinds]
    cases += [(field, math.nan) for field, kinds in fields_of(pipeline.schema, where) if kinds & {"float", "double"}]
    batch = pipeline.take(*(with_value(make(number), where, field, value) for number, (field, value) in enumerate(cases, 1)))
    rejected = {cases[row - 1][0]: error.why for row, error in batch.rejects}
    assert set(rejected) == (IMPOSSIBLE if where == "diaSource" else set())
    assert all(why.startswith(f"diaSource: {field} is not") for field, why in rejected.items())
    table, key = TABLES[where]
    features = {name.lower() for name in FEATURE_COLUMNS.names}
    checked = 0
    for number, (field, _) in enumerate(cases, 1):
        column = column_name(field).lower()
        # Without its key there is no row, and a feature is computed whatever the packet says.
        if field in rejected or field == key or (where == "diaObject" and column in features):
            continue
        identity = object_id(number) + (where == "prvDiaSources")
        found = pipeline.rows(f"SELECT {column} FROM {table} WHERE {key.lower()}::text = '{identity}'")
        assert found == [{column: None}], field
        checked += 1
    assert checked > 5


@pytest.mark.parametrize("identity", SCHEMA_IDS)
def test_everything_at_once(pipeline: Pipeline, identity: int) -> None:
    """Random records of each schema version: NULL, NaN, infinities, the largest and smallest numbers, empty and long texts, wherever they may be."""
    schema = pipeline.schemas.get(identity)
    maker = RecordMaker(schema, identity)
    records = [maker.record() for _ in range(60)]
    for number, record in enumerate(records):
        # Repeated alerts would not reach the tables; repeated objects are welcome.
        record["diaSource"]["diaSourceId"] = -number
    assert pipeline.take_encoded([encode(schema, record) for record in records]).rejects == []
    assert pipeline.rows("SELECT count(*) FROM alerts") == [{"count": 62}]


def with_flux(record: Record, value: float | None) -> Record:
    for source in (record["diaSource"], *record["prvDiaSources"], *record["prvDiaForcedSources"]):
        source["psfFlux"] = value
    return record


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_sources_without_flux_have_no_features(pipeline: Pipeline, value: float | None) -> None:
    batch = pipeline.take(with_flux(fresh(1), value))
    assert batch.rejects == []
    row = pipeline.object(1)
    assert [row[name] for name in ("latest_psfflux", "r_psfflux", "r_latestmjd", "medianr")] == [None] * 4
    assert row["nrsources"] == 0
    stored = None if value is None or math.isnan(value) else value
    assert {found["psfflux"] for found in pipeline.rows(f"SELECT psfflux FROM diasources WHERE diaobjectid = {object_id(1)}")} == {stored}


@pytest.mark.parametrize("history", [None, []])
def test_an_object_without_sources_but_its_trigger(pipeline: Pipeline, history: list[Record] | None) -> None:
    record = fresh(1) | {"prvDiaSources": history, "prvDiaForcedSources": history}
    assert pipeline.take(record).rejects == []
    assert pipeline.object(1)["nrsources"] == 1


def test_an_object_without_any_usable_source(pipeline: Pipeline) -> None:
    record = with_value(fresh(1) | {"prvDiaSources": None, "prvDiaForcedSources": None}, "diaSource", "band", None)
    assert pipeline.take(record).rejects == []
    row = pipeline.object(1)
    assert (row["nrsources"], row["latest_psfflux"], row["latestpairmjd"]) == (0, None, None)


def shuffled(record: Record) -> Record:
    return record | {"prvDiaSources": [record["prvDiaSources"][i] for i in (2, 0, 3, 1)], "prvDiaForcedSources": record["prvDiaForcedSources"][::-1]}


def repeating(record: Record) -> Record:
    return record | {"prvDiaSources": [*record["prvDiaSources"], *record["prvDiaSources"]], "prvDiaForcedSources": 3 * record["prvDiaForcedSources"]}


def repeating_the_trigger(record: Record) -> Record:
    return record | {"prvDiaSources": [record["diaSource"], *record["prvDiaSources"], record["diaSource"]]}


@pytest.mark.parametrize("change", [shuffled, repeating, repeating_the_trigger])
def test_a_history_out_of_order_or_with_repeats_says_the_same(pipeline: Pipeline, change: Callable[[Record], Record]) -> None:
    assert pipeline.take(fresh(1), change(fresh(2))).rejects == []
    usual, changed = pipeline.object(1), pipeline.object(2)
    names = [name.lower() for name in FEATURE_COLUMNS.names]
    assert {name: changed[name] for name in names} == {name: usual[name] for name in names}
    for table, count in (("diasources", 5), ("diaforcedsources", 4)):
        assert len(pipeline.rows(f"SELECT FROM {table} WHERE diaobjectid = {object_id(2)}")) == count


@pytest.mark.parametrize("band", ["w", "", "R", "ugrizy", "Ω", "lsst_r"])
def test_an_unknown_band_is_kept_and_counts_for_nothing(pipeline: Pipeline, band: str) -> None:
    record = fresh(1)
    for source in (record["diaSource"], *record["prvDiaSources"]):
        source["band"] = band
    assert pipeline.take(record).rejects == []
    row = pipeline.object(1)
    assert [row[f"n{one}sources"] for one in "ugrizy"] == [0] * 6
    assert row["latest_psfflux"] is None
    assert {found["band"] for found in pipeline.rows(f"SELECT band FROM diasources WHERE diaobjectid = {object_id(1)}")} == {band}


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 90.0), (0.0, -90.0), (123.0, 90.0), (360.0, 0.0), (0.0, 0.0), (359.999999999999, 1e-300), (-0.0, -0.0)])
def test_edges_of_the_sky_are_on_it(pipeline: Pipeline, ra: float, dec: float) -> None:
    record = fresh(1)
    record["diaSource"] |= {"ra": ra, "dec": dec}
    record["diaObject"] |= {"ra": ra, "dec": dec}
    assert pipeline.take(record).rejects == []
    row = pipeline.object(1)
    assert (row["ra"], row["decl"]) == (ra, dec)
    assert row["healpix29"] is not None
    assert -90.0 <= row["glat"] <= 90.0
    assert row["htm16"] is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ra", -1e-9),
        ("ra", 360.0001),
        ("ra", math.inf),
        ("dec", 90.0000001),
        ("dec", -1e30),
        ("midpointMjdTai", -0.5),
        ("midpointMjdTai", -1e9),
        ("midpointMjdTai", 88_100.0),
        ("midpointMjdTai", 1e30),
        ("midpointMjdTai", -math.inf),
        ("visit", 0),
        ("visit", -1),
        ("visit", 2**63 - 1),
    ],
)
def test_what_is_impossible_is_a_dead_letter_that_names_its_field(pipeline: Pipeline, field: str, value: float) -> None:
    ((row, error),) = pipeline.take(with_value(fresh(1), "diaSource", field, value)).rejects
    assert (row, error.kind, error.topic, error.offset) == (1, "value", "alerts", 101)
    assert error.why.startswith(f"diaSource: {field} is not ")
    assert pipeline.rows(f"SELECT FROM alerts WHERE diasourceid = {object_id(1)}") == []


@pytest.mark.parametrize("mjd", [-1e9, -0.5, 0.0, 15_019.0, 88_100.0, 1e9, 1e300, -math.inf, math.nan])
def test_a_history_of_any_time_is_kept(pipeline: Pipeline, mjd: float) -> None:
    record = fresh(1)
    record["prvDiaSources"][0]["midpointMjdTai"] = mjd
    record["prvDiaForcedSources"][0]["midpointMjdTai"] = mjd
    assert pipeline.take(record).rejects == []
    stored = None if math.isnan(mjd) else mjd
    assert pipeline.rows(f"SELECT midpointmjdtai AS mjd FROM diasources WHERE diasourceid = {object_id(1) + 1}") == [{"mjd": stored}]
    row = pipeline.object(1)
    assert row["latest_psfflux"] == 900.0
    assert all(row[name.lower()] is None or isinstance(row[name.lower()], str) or math.isfinite(row[name.lower()]) for name in FEATURE_COLUMNS.names)


@pytest.mark.parametrize("flux", [1e30, -1e30, 1e-30, -1e-30, 0.0, 3.4028234663852886e38, -1e-45])
@pytest.mark.parametrize("error", [1e30, 1e-30, 0.0, -1.0])
def test_fluxes_of_any_size_give_finite_features_or_none(pipeline: Pipeline, flux: float, error: float) -> None:
    record = fresh(1)
    for number, source in enumerate((record["diaSource"], *record["prvDiaSources"], *record["prvDiaForcedSources"])):
        source |= {"psfFlux": flux * (1 if number % 3 else 0.5), "psfFluxErr": error}
    other = moving(2)
    other["diaSource"] |= {"psfFlux": flux, "psfFluxErr": error}
    assert pipeline.take(record, other).rejects == []
    row = pipeline.object(1)
    for name in FEATURE_COLUMNS.names:
        value = row[name.lower()]
        assert value is None or isinstance(value, str) or math.isfinite(value), name
    assert np.float32(row["latest_psfflux"]) == np.float32(flux * 0.5)
    (latest,) = pipeline.rows("SELECT mag, magerr FROM ss_objects_latest")
    assert (latest["mag"] is not None) == (flux > 0)
    for variability in pipeline.rows("SELECT * FROM objects_variability"):
        assert {name for name, value in variability.items() if value is not None and not math.isfinite(value)} == set()
    assert all(value is None or math.isfinite(value) for value in latest.values())
