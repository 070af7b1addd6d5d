from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from splanc.archive import SPELLING
from splanc.archive._copy import conform
from splanc.archive._partitions import partition_starts
from splanc.archive._tables import METADATA, OBJECT_COLUMNS, OBJECTS
from splanc.packet import RECORDS


def test_each_folded_name_has_one_spelling() -> None:
    spellings = defaultdict(set)
    for table in METADATA.tables.values():
        for column in table.columns:
            spellings[column.name].add(column.key)
    assert {name: kinds for name, kinds in spellings.items() if len(kinds) > 1} == {}
    assert all(name == name.lower() == spelt.lower() for name, spelt in SPELLING.items())


def test_survey_names_are_spelt_as_the_survey_spells_them() -> None:
    assert {SPELLING[name] for name in ("diasources", "midpointmjdtai", "ra_dec_cov", "decl", "mpc_orbits", "kafkaoffset")} == {
        "diaSources",
        "midpointMjdTai",
        "ra_dec_Cov",
        "decl",
        "mpc_orbits",
        "kafkaOffset",
    }


def test_tables_hold_the_common_record_in_its_order() -> None:
    for table, record in (("diasources", "diaSource"), ("diaforcedsources", "diaForcedSource"), ("sssources", "ssSource")):
        assert METADATA.tables[table].columns.keys() == RECORDS[record].names
    assert METADATA.tables["objects"].columns.keys() == [*OBJECT_COLUMNS.names, "tns_name", "timestamp"]
    assert OBJECT_COLUMNS.names[: len(RECORDS["diaObject"].names)] == RECORDS["diaObject"].names


def test_objects_have_every_column_that_users_of_lasair_know() -> None:
    bands = "ugrizy"
    core = ["diaObjectId", "ra", "decl", "lastDiaSourceMjdTai", "firstDiaSourceMjdTai", "latest_psfFlux", "medianR", "latestR", "nDiaSources"]
    core += ["nPosDiaSources", "nPosDiaSourcesNights", "nSourcesGood", "tns_name", "absMag", "absMagMJD", "BBBRiseRate", "BBBFallRate", "BBBTemp"]
    core += ["BBBPeakFlux", "BBBPeakMJD", "BBBPeakAbsMag", "glat", "ebv", "jump1", "jump2", "htm16", "timestamp"]
    core += [f"{which}Pair{what}" for which in ("latest", "penultimate") for what in ("MJD", "ColourMag", "ColourBands", "ColourTemp")]
    core += [f"{b}_{what}" for b in bands for what in ("psfFlux", "latestMJD", "psfFluxMean", "psfFluxMeanErr")] + [f"n{b}Sources" for b in bands]
    flux = ("psfFluxSigma", "psfFluxNdata", "fpFluxMean", "fpFluxMeanErr", "scienceFluxMean", "scienceFluxMeanErr")
    ext = ["validityStartMjdTai", "raErr", "decErr", "ra_dec_Cov"]
    ext += [f"{b}_{what}" for b in bands for what in (*flux, "psfFluxMin", "psfFluxMax", "psfFluxErrMean", "psfFluxMaxSlope")]
    assert (len(core), len(ext)) == (65, 64)
    assert {*core, *ext} <= set(OBJECTS.columns.keys())


def test_conform_orders_casts_fills_and_leaves_out() -> None:
    table = pa.table({"extra": [1, 2], "b": pa.chunked_array([[1], [2]], pa.int32()), "a": ["x", None]})
    schema = pa.schema([("a", pa.string()), ("b", pa.int64()), ("c", pa.float32())])
    assert conform(table, schema).to_pylist() == [{"a": "x", "b": 1, "c": None}, {"a": None, "b": 2, "c": None}]
    assert conform(table, schema, np.array([1])).to_pylist() == [{"a": None, "b": 2, "c": None}]
    assert conform(table.slice(0, 0), schema).num_rows == 0


def test_partitions_begin_every_thirty_days_inside_the_survey() -> None:
    times = np.array([61_110.0, 61_139.99, 61_140.0, -np.inf, np.inf, np.nan, 10.0, 90_000.0, 60_600.0])
    assert partition_starts(times) == {60_600, 61_110, 61_140}
