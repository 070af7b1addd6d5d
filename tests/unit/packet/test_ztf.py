"""ZTF's packets become the common record."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from astropy.time import Time

from splanc.packet import ALERT_COLUMNS, RECORDS, Decoder, concat, encode, object_ids, object_name
from splanc.packet.ztf import forced_ids, mjd_tai_of_jd
from tests.support.packets import as_rows, messages_of, real_records, schema_store
from tests.support.ztf import assert_close, changed, container, expected, read, real_messages

NAMES = ["ZTF20aajcdad", "ZTF20aajcdad", "ZTF17aaaaaas", "ZTF20aalseuk", "ZTF17aadcvhq", "ZTF17aacymkh", "ZTF19aciwwya", "ZTF17aadcuwj", "ZTF19aainpua"]


@pytest.fixture(scope="module")
def real():
    return real_messages()


@pytest.fixture
def own(tmp_path):
    """A decoder with schemas of its own."""
    return Decoder(schema_store(tmp_path), max_packet_bytes=10_000_000)


@pytest.fixture
def batch(own, real):
    return own.decode(messages_of(real))


def of_alert(table, alert):
    return [row for row in as_rows(table) if row["alert"] == alert]


def only(own, message):
    """Return what one packet becomes: its alert, and the rows of its tables."""
    batch = own.decode(messages_of([message]))
    assert batch.rejects == []
    return as_rows(batch.alerts)[0], {name: as_rows(table) for name, table in batch.tables.items()}


def rejection(own, message):
    batch = own.decode(messages_of([message]))
    ((_, error),) = batch.rejects
    assert len(batch) == 0
    return error.kind, error.why


def test_real_packets_are_what_the_formulas_say(batch, real):
    assert batch.rejects == []
    compared = Counter()
    for alert, message in enumerate(real):
        for name, wanted in expected(read(message)[1]).items():
            found = of_alert(batch.tables[name], alert)
            assert_close(found, wanted)
            compared[name] += len(found)
    assert compared == {"diaSource": 9 + 3 + 4 + 18 + 0 + 4 + 2 + 2 + 37 + 29, "diaObject": 9, "diaForcedSource": compared["diaForcedSource"]}
    assert compared["diaForcedSource"] > 90


def test_alerts(batch, real):
    packets = [read(message)[1] for message in real]
    columns = batch.alerts.to_pydict()
    assert columns["survey"] == ["ztf"] * 9
    assert columns["objectId"] == NAMES
    assert columns["diaSourceId"] == columns["candid"] == [packet["candid"] for packet in packets]
    assert columns["night"] == [20200201] * 4 + [20231011] * 5
    assert columns["schemaId"] == [1_000_000_303] * 4 + [1_000_000_401] * 5
    assert columns["ssObjectId"] == [None] * 9
    assert columns["nPrvDiaSources"] == [sum(point["candid"] is not None for point in packet["prv_candidates"]) for packet in packets]
    assert batch.alerts.schema.names[: len(ALERT_COLUMNS)] == ALERT_COLUMNS.names
    for name, record in RECORDS.items():
        assert batch.tables[name].schema.names[: len(record) + 1] == ["alert", *record.names]


def test_the_candidate_stays_under_its_own_names(batch, real):
    rows = as_rows(batch.tables["candidate"])
    for row, message in zip(rows, real, strict=True):
        assert {name: value for name, value in row.items() if name != "alert"} == {
            "decl" if k == "dec" else k: v for k, v in read(message)[1]["candidate"].items()
        }


def test_cutouts_are_the_gzipped_fits_as_they_came(batch, real):
    for name, ranges in batch.cutouts.items():
        for message, start, length in zip(real, ranges.starts, ranges.lengths, strict=True):
            image = message[start : start + length]
            assert image == read(message)[1][name]["stampData"]
            assert gzip.decompress(image).startswith(b"SIMPLE")


def test_an_alert_without_one_of_its_cutouts(own, real):
    batch = own.decode(messages_of([real[0], changed(real[1], cutoutTemplate=None), real[2]]))
    assert [length > 0 for length in batch.cutouts["cutoutTemplate"].lengths] == [True, False, True]
    assert (batch.cutouts["cutoutDifference"].lengths > 0).all()
    assert set(batch.tables) == {*RECORDS, "candidate"}


def test_a_point_is_the_same_in_every_packet_it_comes_in(batch):
    """The first two packets are of one object, an hour apart; the second has the first one's detection in its history."""
    first, second = of_alert(batch.tables["diaSource"], 0), of_alert(batch.tables["diaSource"], 1)
    (again,) = [row for row in second if row["diaSourceId"] == first[0]["diaSourceId"]]
    assert again["midpointMjdTai"] == first[0]["midpointMjdTai"]
    assert math.isclose(again["psfFlux"], first[0]["psfFlux"], rel_tol=1e-4)
    points = [{row["diaForcedSourceId"]: row["midpointMjdTai"] for row in of_alert(batch.tables["diaForcedSource"], alert)} for alert in (0, 1)]
    shared = points[0].keys() & points[1].keys()
    assert len(shared) > 8
    assert all(points[0][key] == points[1][key] for key in shared)


def test_an_upper_limit_gives_way_to_forced_photometry_of_its_visit(own, real):
    """Even from another readout channel."""
    schema, packet = read(real[4])
    image = next(point for point in packet["prv_candidates"] if point["candid"] is None and point["jd"] not in {f["jd"] for f in packet["fp_hists"]})
    channel = {"pid": image["pid"] + 100, "rcid": image["rcid"] + 1, "forcediffimflux": 100.0}
    measured = {**packet["fp_hists"][0], **{name: image[name] for name in ("jd", "fid", "field")}, **channel}
    without, with_it = (
        only(own, container(schema, {**packet, "fp_hists": forced}))[1]["diaForcedSource"] for forced in (packet["fp_hists"], [*packet["fp_hists"], measured])
    )
    visit = image["pid"] // 10_000
    (limit,), (point,) = ([row for row in rows if row["visit"] == visit] for rows in (without, with_it))
    assert (limit["psfFlux"], limit["midpointMjdTai"]) == (None, point["midpointMjdTai"])
    assert point["psfFlux"] > 0
    assert limit["diaForcedSourceId"] != point["diaForcedSourceId"]


@pytest.mark.parametrize("history", [None, []])
def test_empty_histories(own, real, history):
    for message in (real[0], real[4]):
        schema, packet = read(message)
        fields = {"prv_candidates": history} | ({"fp_hists": history} if "fp_hists" in packet else {})
        alert, tables = only(own, container(schema, {**packet, **fields}))
        assert (alert["nPrvDiaSources"], alert["nPrvDiaForcedSources"]) == (0, 0)
        assert [len(tables[name]) for name in ("diaSource", "diaForcedSource", "diaObject")] == [1, 0, 1]


def test_version_4_02_is_read_by_the_schema_that_it_carries(own, real):
    """A version nobody has seen: the schema comes with the packet; what is new in it stays under its own name."""
    schema, packet = read(real[4])
    newer = json.loads(json.dumps(schema).replace('"4.01"', '"4.02"'))
    candidate = next(field["type"] for field in newer["fields"] if field["name"] == "candidate")
    candidate["fields"].insert(3, {"name": "novelty", "type": ["null", "float"], "default": None})
    newer["version"] = "4.02"
    message = container(newer, {**packet, "candidate": {**packet["candidate"], "novelty": 0.5}})
    batch = own.decode(messages_of([real[4], message]))
    assert batch.rejects == []
    assert batch.alerts["schemaId"].to_pylist() == [1_000_000_401, 1_000_000_402]
    assert batch.tables["candidate"]["novelty"].to_pylist() == [None, 0.5]
    sources = [of_alert(batch.tables["diaSource"], alert) for alert in (0, 1)]
    assert [{**row, "alert": 0} for row in sources[1]] == sources[0]


def test_two_surveys_in_one_batch(own, real):
    schemas = own._schemas
    rubin = [encode(schemas.get(1000), record) for record in real_records()[:9]]
    batch = own.decode(messages_of(list(itertools.chain(*zip(rubin, real, strict=True)))))
    assert batch.rejects == []
    assert batch.alerts["survey"].to_pylist() == ["lsst", "ztf"] * 9
    assert batch.alerts["objectId"].to_pylist() == list(itertools.chain(*((None, name) for name in NAMES)))
    alone = own.decode(messages_of(real))
    for name in ("diaSource", "diaForcedSource", "diaObject"):
        ours = [{**row, "alert": row["alert"] // 2} for row in as_rows(batch.tables[name]) if row["alert"] % 2]
        assert ours == as_rows(alone.tables[name])
    assert concat([batch, alone]).tables["candidate"].num_rows == 18


def test_times_are_astropys():
    """But for the day that a leap second ends, which astropy stretches."""
    jd = np.array([2456000.5, 2457022.1, 2457753.4, 2457754.6, 2460229.9338542, 2462000.123])
    theirs = Time(jd, format="jd", scale="utc").tai.mjd + 15 / 86_400
    assert np.abs(mjd_tai_of_jd(jd) - theirs).max() < 1e-10


def test_object_names_are_reversible_and_in_order():
    names = ["ZTF00aaaaaaa", "ZTF00aaaaaab", "ZTF17aaaaaas", "ZTF18abcdefg", "ZTF18abcdefh", "ZTF99zzzzzzz"]
    ids = object_ids(pa.array(names)).tolist()
    assert ids == sorted(set(ids))
    assert [object_name(number) for number in ids] == names
    assert min(ids) >= 2**62
    assert max(ids) < 2**63
    assert object_name(ids[0] - 1) is object_name(ids[-1] + 1) is object_name(169813006802223148) is None
    rubin = [record["diaSource"] for record in real_records()]
    assert all(max(source["diaObjectId"] or 0, source["diaSourceId"]) < 2**60 for source in rubin)


@pytest.mark.parametrize("name", ["", "ZTF18abcdef", "ZTF18abcdefgh", "ztf18abcdefg", "ZTF1aabcdefg", "ZTF18abcdef1", "ZTF18abcdeFg", "ZTF18abcdeé"])
def test_what_is_no_name_of_an_object_is_rejected(own, real, name):
    assert object_ids(pa.array([name, "ZTF18abcdefg"])).tolist()[0] == 0
    kind, why = rejection(own, changed(real[0], objectId=name))
    assert kind == "value"
    assert why == f"candidate: objectId {name!r} is not ZTF, two digits and seven small letters"


def test_ids_of_forced_points():
    objects = object_ids(pa.array(["ZTF18abcdefg", "ZTF18abcdefh"])).repeat(500)
    pids = np.tile(np.arange(500) * 100 + 2_475_433_850_015, 2)
    ids = np.concatenate([forced_ids(objects, pids, is_limit=is_limit) for is_limit in (False, True)])
    assert len(set(ids.tolist())) == 2000
    assert ids.min() >= 2**62


@pytest.mark.parametrize(
    ("value", "column", "wanted"),
    [
        ({"magpsf": math.nan}, "psfFlux", None),
        ({"magpsf": math.nan}, "psfFluxErr", None),
        ({"magpsf": -99999.0}, "psfFlux", None),
        ({"magpsf": -1e30}, "psfFlux", None),
        ({"magpsf": math.inf}, "psfFlux", 0.0),
        ({"sigmapsf": math.nan}, "psfFluxErr", None),
        ({"fid": 4}, "band", None),
        ({"fid": 0}, "band", None),
        ({"fid": -1}, "band", None),
        ({"fid": 3}, "band", "i"),
        ({"isdiffpos": "x"}, "psfFlux", None),
        ({"isdiffpos": ""}, "isNegative", None),
        ({"isdiffpos": "0"}, "isNegative", True),
        ({"isdiffpos": "1"}, "isNegative", False),
        ({"drb": None}, "reliability", pytest.approx(0.7457143)),
        ({"drb": math.nan, "rb": None}, "reliability", None),
        ({"scorr": None}, "snr", pytest.approx(15.774, abs=1e-3)),
        ({"scorr": None, "sigmapsf": 0.0}, "snr", None),
        ({"rcid": None}, "detector", None),
        ({"xpos": None}, "x", None),
        ({"exptime": None}, "exposureTime", None),
        ({"ra": 0.0}, "ra", 0.0),
        ({"ra": 360.0}, "ra", 360.0),
        ({"dec": 90.0}, "decl", 90.0),
        ({"dec": -90.0}, "decl", -90.0),
        ({"pid": 0}, "visit", 0),
    ],
)
def test_unusual_values_of_a_trigger(own, real, value, column, wanted):
    _, tables = only(own, changed(real[4], candidate=value))
    assert tables["diaSource"][0][column] == wanted
    assert tables["diaSource"][1]["psfFlux"] is not None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"ra": math.nan}, "candidate: ra is not in 0 to 360"),
        ({"ra": -0.1}, "candidate: ra is not in 0 to 360"),
        ({"dec": 91.0}, "candidate: dec is not in -90 to 90"),
        ({"dec": math.nan}, "candidate: dec is not in -90 to 90"),
        ({"jd": math.nan}, "candidate: midpointMjdTai is not between the years 1900 and 2100"),
        ({"jd": math.inf}, "candidate: midpointMjdTai is not between the years 1900 and 2100"),
        ({"jd": 60229.9}, "candidate: midpointMjdTai is not between the years 1900 and 2100"),
    ],
)
def test_triggers_without_a_place_or_a_time(own, real, value, why):
    assert rejection(own, changed(real[4], candidate=value)) == ("value", why)


@pytest.mark.parametrize("history", ["candidate", "prv_candidates"])
def test_a_field_of_another_type(own, real, history):
    """What can be read as a number is; what cannot is said."""
    schema, packet = read(real[4])
    other = json.loads(json.dumps(schema))
    record = next(field["type"] for field in other["fields"] if field["name"] == history)
    record = record if isinstance(record, dict) else record[1]["items"]
    next(field for field in record["fields"] if field["name"] == "jd")["type"] = "string"
    points = [packet["candidate"]] if history == "candidate" else packet["prv_candidates"]
    for point in points:
        point["jd"] = str(point["jd"])
    assert as_rows(own.decode(messages_of([container(other, packet)])).tables["diaForcedSource"]) == only(own, real[4])[1]["diaForcedSource"]
    for point in points:
        point["jd"] = "tonight"
    kind, why = rejection(own, container(other, packet))
    assert kind == "schema"
    assert why.startswith("jd is string, not double")


def test_every_null_that_the_schema_lets(own, real):
    for message in (real[0], real[4]):
        schema, packet = read(message)
        nothing = {field["name"]: nulls(field["type"], packet[field["name"]]) for field in schema["fields"]}
        alert, tables = only(own, container(schema, nothing))
        assert (alert["diaSourceId"], alert["objectId"]) == (packet["candid"], packet["objectId"])
        assert tables["diaSource"][0]["psfFlux"] is not None
        assert tables["diaObject"][0]["firstDiaSourceMjdTai"] is None
        kept = {**packet, "prv_candidates": nulls_of_points(schema, packet, "prv_candidates")}
        if "fp_hists" in packet:
            kept["fp_hists"] = nulls_of_points(schema, packet, "fp_hists")
        _, tables = only(own, container(schema, kept))
        assert all(row["psfFlux"] is row["psfFluxErr"] is row["detector"] is None for row in tables["diaForcedSource"])
        assert all(row["midpointMjdTai"] and row["band"] for row in tables["diaForcedSource"])


def nulls(avro_type, value):
    """Return a value with null in all places that may be null."""
    if isinstance(avro_type, list):
        return None
    if isinstance(avro_type, dict) and avro_type["type"] == "record":
        return {field["name"]: nulls(field["type"], value[field["name"]]) for field in avro_type["fields"]}
    return value


def nulls_of_points(schema, packet, name):
    array = next(branch for field in schema["fields"] if field["name"] == name for branch in field["type"] if isinstance(branch, dict))
    return [nulls(array["items"], point) for point in packet[name]]
