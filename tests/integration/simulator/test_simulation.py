from __future__ import annotations

import hashlib
import io
from itertools import pairwise
from typing import Any

import fastavro
import numpy as np
import pytest

from splanc.errors import UserError
from splanc.night import night_now
from splanc.simulator import Simulation, digest_of
from splanc.simulator._prototypes import read_schema, real_alerts
from tests.support.packets import messages_of
from tests.unit.simulator.alerts import NIGHT, alerts_of, decode, small_night

PINNED = {
    False: "316387214e74f035a70ab04804e51c336dd92621d5be7a8b36efbbabb1e9087c",
    True: "51392695d7032dab563ca3baa28f14c7fe967cb2f78b30fd838e4d42415bc50d",
}
"""SHA-256 of the messages of a small night, without and with hosts: who changes what the simulator makes changes every recorded figure with it."""


def vectors(records: list[dict[str, Any]]) -> np.ndarray:
    ra, dec = (np.radians([record[name] for record in records]) for name in ("ra", "dec"))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def sources(alert: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(alert["prvDiaSources"] or ()), alert["diaSource"]]


def flat(night: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [alert for visit in night for alert in visit]


@pytest.mark.parametrize("hosts", PINNED)
def test_the_same_parameters_give_the_same_bytes_everywhere(hosts: bool):
    simulation = Simulation(night=NIGHT, visits=3, alerts_per_visit=30, visits_per_field=2, seed=9, damaged_share=0.1, repeated_share=0.1, hosts=hosts)
    digest = hashlib.sha256()
    for visit in simulation.observe():
        for message in visit.messages():
            digest.update(message)
    assert digest.hexdigest() == PINNED[hosts]


def test_other_seeds_give_other_alerts():
    one, two = (
        {alert["diaSourceId"] for alert in flat(alerts_of(Simulation(night=NIGHT, visits=1, alerts_per_visit=20, seed=seed, corpus="shallow")))}
        for seed in (1, 2)
    )
    assert not one & two


def test_a_visit_is_made_again_with_the_same_bytes_and_out_of_turn():
    simulation = Simulation(night=NIGHT, visits=4, alerts_per_visit=20, visits_per_field=2, repeated_share=0.2)
    visits = list(simulation.observe())
    forward = [list(visit.messages()) for visit in visits]
    backward = [list(visit.messages()) for visit in reversed(visits)][::-1]
    assert forward == backward


def test_tonight_is_the_default():
    before = night_now()
    assert before <= Simulation().night <= night_now()


def test_ids_are_unique_and_hold_the_visit():
    alerts = flat(small_night())
    ids = [alert["diaSourceId"] for alert in alerts]
    assert len(set(ids)) == len(ids) == 240
    assert all(alert["diaSource"]["diaSourceId"] == alert["diaSourceId"] < 2**63 for alert in alerts)
    for alert in alerts:
        source = alert["diaSource"]
        assert (alert["diaSourceId"] >> 27) & 0x7FFF == source["visit"] % 100_000
        assert (alert["diaSourceId"] >> 19) & 0xFF == source["detector"]


def test_ids_are_packed_as_rubins_are():
    real = real_alerts()[0]["diaSource"]
    ours = next(alert["diaSource"] for alert in flat(alerts_of(Simulation(night=20251231, visits=1, alerts_per_visit=1, solar_share=0))))
    assert ours["diaSourceId"] >> 42 == real["diaSourceId"] >> 42


def test_visits_agree_with_the_night_and_follow_in_time():
    visits = [{(alert["diaSource"]["visit"], alert["diaSource"]["midpointMjdTai"]) for alert in visit} for visit in small_night()]
    assert [len(visit) for visit in visits] == [1] * 6
    numbers, times = zip(*(visit.pop() for visit in visits), strict=True)
    assert numbers == tuple(NIGHT * 100_000 + 1 + i for i in range(6))
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([39 / 86_400] * 5, abs=1e-9)
    # 22 November 2026 is MJD 61366; its night's alerts come after midnight.
    assert 61_367 < times[0] < times[-1] < 61_367.5


def test_every_point_agrees_with_its_visit():
    points = [point for alert in flat(small_night()) for point in [*sources(alert), *(alert["prvDiaForcedSources"] or ())]]
    assert {point["band"] for point in points} == set("ugrizy")
    detectors = {point["detector"] for point in points}
    assert (min(detectors), max(detectors)) == (0, 188)
    delays = [point["timeProcessedMjdTai"] - point["midpointMjdTai"] for point in points]
    assert 60 / 86_400 <= min(delays) < max(delays) < 121 / 86_400
    times = {(point["visit"], point["midpointMjdTai"]) for point in points}
    assert len(times) == len({point["visit"] for point in points}) > 1_000
    for visit, mjd_tai in times:
        night, sequence = divmod(visit, 100_000)
        midnight = np.datetime64(f"{night // 10_000}-{night // 100 % 100:02}-{night % 100:02}") + 1 - np.datetime64("1858-11-17")
        assert abs(mjd_tai - midnight.astype(int) - (39 * sequence + 52) / 86_400) < 1e-8


def test_a_visit_lies_in_one_field_of_view():
    places = [vectors([alert["diaSource"] for alert in visit]) for visit in small_night()]
    for first, again in ((0, 2), (1, 3), (0, 4)):
        both = np.concatenate([places[first], places[again]])
        centre = both.mean(axis=0) / np.linalg.norm(both.mean(axis=0))
        # The mean of some hundred places is not quite the centre.
        assert 1.2 < np.degrees(np.arccos(both @ centre)).max() < 1.75 + 0.4
    assert np.degrees(np.arccos(places[0].mean(axis=0) @ places[1].mean(axis=0))) > 3.5


def test_every_place_is_within_1_75_degrees_of_the_fields_centre(decoder):
    for visit in Simulation(night=NIGHT, visits=3, alerts_per_visit=300, visits_per_field=3, corpus="shallow", recurrence=0.5).observe():
        alerts = decoder.decode(messages_of(list(visit.messages()))).alerts
        places = vectors(alerts.select(["ra", "decl"]).rename_columns(["ra", "dec"]).to_pylist())
        distance = np.degrees(np.arccos(places @ visit._alerts.field.centre))
        assert 1.7 < distance.max() <= 1.75


def test_histories_grow_by_what_was_alerted_before():
    seen: dict[int, dict[str, Any]] = {}
    last: dict[int, list[int]] = {}
    grown = 0
    for alert in flat(small_night()):
        for source in alert["prvDiaSources"] or ():
            assert seen.setdefault(source["diaSourceId"], source) == source
        seen[alert["diaSourceId"]] = alert["diaSource"]
        if alert["diaObject"]:
            history = [source["diaSourceId"] for source in alert["prvDiaSources"] or ()]
            before = last.get(alert["diaObject"]["diaObjectId"])
            if before is not None:
                assert history == before
                grown += 1
            last[alert["diaObject"]["diaObjectId"]] = [*history, alert["diaSourceId"]]
    assert grown == 2 * 2 * round(0.5 * 34)


def test_points_follow_in_time_and_forced_photometry_repeats_itself():
    seen: dict[int, dict[str, Any]] = {}
    for alert in flat(small_night()):
        if not alert["diaObject"]:
            continue
        forced = alert["prvDiaForcedSources"] or []
        for points in (sources(alert), forced):
            times = [point["midpointMjdTai"] for point in points]
            assert times == sorted(set(times))
        for point in forced:
            assert seen.setdefault(point["diaForcedSourceId"], point) == point
        assert {point["diaObjectId"] for point in (*sources(alert), *forced)} == {alert["diaObject"]["diaObjectId"]}
        assert {point["visit"] for point in alert["prvDiaSources"] or ()} <= {point["visit"] for point in forced}
        assert all(point["midpointMjdTai"] < alert["diaSource"]["midpointMjdTai"] for point in forced)
    assert len(seen) > 1000


def test_sources_are_detections():
    for alert in flat(small_night()):
        for source in sources(alert):
            assert source["snr"] >= 5
            assert source["snr"] == pytest.approx(abs(source["psfFlux"]) / source["psfFluxErr"], rel=1e-6)
            assert source["isNegative"] == (source["psfFlux"] < 0)
            if alert["diaObject"]:
                assert source["scienceFlux"] == pytest.approx(source["psfFlux"] + source["templateFlux"], abs=0.1)


def test_the_object_agrees_with_its_points():
    dia = [alert for alert in flat(small_night()) if alert["diaObject"]]
    deepest = sorted(dia, key=lambda alert: alert["diaObject"]["nDiaSources"])[-5:]
    known_times = 0
    for alert in [*dia[:40], *deepest]:
        known, summary = sources(alert), alert["diaObject"]
        assert summary["nDiaSources"] == len(known)
        assert summary["diaObjectId"] == known[0]["diaSourceId"]
        assert summary["validityStartMjdTai"] == alert["diaSource"]["timeProcessedMjdTai"]
        if summary["firstDiaSourceMjdTai"] is not None:
            known_times += 1
            assert summary["firstDiaSourceMjdTai"] == known[0]["midpointMjdTai"]
            assert summary["lastDiaSourceMjdTai"] == known[-1]["midpointMjdTai"]
        offset = vectors([summary])[0] - vectors(known).mean(axis=0)
        assert np.linalg.norm(offset) < np.radians(0.001 / 3600)
        for band in "ugrizy":
            check_band(summary, band, [source for source in known if source["band"] == band])
            check_forced(summary, band, [point for point in alert["prvDiaForcedSources"] or () if point["band"] == band])
    assert 30 < known_times < 45


def check_band(summary: dict[str, Any], band: str, points: list[dict[str, Any]]) -> None:
    named = {name.removeprefix(f"{band}_psfFlux"): value for name, value in summary.items() if name.startswith(f"{band}_psfFlux")}
    assert named["Ndata"] == len(points)
    if not points:
        assert all(value is None for name, value in named.items() if name != "Ndata")
        assert summary[f"{band}_scienceFluxMean"] is None
        return
    time, flux, error = (np.array([point[name] for point in points]) for name in ("midpointMjdTai", "psfFlux", "psfFluxErr"))
    weight = error**-2
    assert named["Mean"] == pytest.approx(np.average(flux, weights=weight), rel=1e-5)
    assert named["MeanErr"] == pytest.approx(weight.sum() ** -0.5, rel=1e-5)
    assert (named["Min"], named["Max"], named["ErrMean"]) == (flux.min(), flux.max(), pytest.approx(error.mean(), rel=1e-5))
    science = np.average([point["scienceFlux"] for point in points], weights=weight)
    assert summary[f"{band}_scienceFluxMean"] == pytest.approx(science, rel=1e-5, abs=0.1)
    if len(points) == 1:
        assert (named["Sigma"], named["MaxSlope"]) == (None, None)
    else:
        assert named["Sigma"] == pytest.approx(flux.std(ddof=1), rel=1e-5)
        assert named["MaxSlope"] == pytest.approx((np.diff(flux) / np.diff(time)).max(), rel=1e-5)


def check_forced(summary: dict[str, Any], band: str, points: list[dict[str, Any]]) -> None:
    if not points:
        assert summary[f"{band}_fpFluxMean"] is None
        return
    weight = np.array([point["psfFluxErr"] for point in points]) ** -2.0
    assert summary[f"{band}_fpFluxMean"] == pytest.approx(np.average([point["psfFlux"] for point in points], weights=weight), rel=1e-5, abs=0.01)
    assert summary[f"{band}_fpFluxMeanErr"] == pytest.approx(weight.sum() ** -0.5, rel=1e-5)


def test_solar_system_alerts_have_an_orbit_and_no_object():
    seen: dict[int, str] = {}
    for visit in small_night():
        solar = [alert for alert in visit if alert["diaObject"] is None]
        assert len(solar) == 6
        for alert in solar:
            assert (alert["prvDiaSources"], alert["prvDiaForcedSources"]) == (None, None)
            source, ephemeris, orbit = (alert[name] for name in ("diaSource", "ssSource", "mpc_orbits"))
            assert source["diaObjectId"] == 0
            assert source["ssObjectId"] == ephemeris["ssObjectId"] == int.from_bytes(ephemeris["designation"].encode())
            assert ephemeris["diaSourceId"] == alert["diaSourceId"]
            assert orbit["packed_primary_provisional_designation"] == ephemeris["designation"]
            assert seen.setdefault(source["ssObjectId"], orbit["designation"]) == orbit["designation"]
            assert np.linalg.norm(vectors([source])[0] - vectors([{"ra": ephemeris["ephRa"], "dec": ephemeris["ephDec"]}])[0]) < np.radians(0.4 / 3600)
    assert len(set(seen.values())) == len(seen) == 2 * (6 + 2 * 3)


def test_other_alerts_have_an_object_and_no_orbit():
    for alert in flat(small_night()):
        if alert["diaObject"]:
            assert (alert["ssSource"], alert["mpc_orbits"]) == (None, None)
            assert alert["diaSource"]["ssObjectId"] in (0, None)


def test_cutouts_are_the_real_ones():
    names = ("cutoutDifference", "cutoutScience", "cutoutTemplate")
    real = {tuple(alert[name] for name in names) for alert in real_alerts()}
    simulated = {tuple(alert[name] for name in names) for alert in flat(small_night())}
    assert simulated <= real
    assert len(simulated) > 20


@pytest.mark.parametrize("version", ["7.4", "9.0", "10.0", "11.0", "11.1"])
def test_every_version_is_written_as_fastavro_writes_it(version):
    schema = fastavro.parse_schema(read_schema(version))
    simulation = Simulation(night=NIGHT, visits=2, alerts_per_visit=8, visits_per_field=2, schema_version=version, seed=3)
    major, minor = map(int, version.split("."))
    for visit in simulation.observe():
        for message in visit.messages():
            assert int.from_bytes(message[:5]) == 100 * major + minor
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, schema, decode(message, version))
            assert stream.getvalue() == message[5:]


@pytest.mark.parametrize(("corpus", "size_kb", "n_sources", "n_forced"), [("shallow", 107.7, 0, 0), ("deep", 126.2, 50, 70)])
def test_even_corpora_have_the_stated_depth(corpus, size_kb, n_sources, n_forced, decoder):
    simulation = Simulation(night=NIGHT, visits=2, alerts_per_visit=500, corpus=corpus)
    messages = [message for visit in simulation.observe() for message in visit.messages()]
    alerts = decoder.decode(messages_of(messages)).alerts
    n_dia = 850
    assert len(alerts) - alerts["diaObjectId"].null_count == n_dia
    assert np.mean([len(message) for message in messages]) / 1e3 == pytest.approx(size_kb, abs=0.5)
    assert sum(alerts["nPrvDiaSources"].to_pylist()) / n_dia == pytest.approx(n_sources, abs=2)
    assert sum(alerts["nPrvDiaForcedSources"].to_pylist()) / n_dia == pytest.approx(n_forced, abs=2)


def test_the_mixed_corpus_has_mostly_no_history_and_a_long_tail(decoder):
    simulation = Simulation(night=NIGHT, visits=1, alerts_per_visit=1_000)
    messages = [message for visit in simulation.observe() for message in visit.messages()]
    alerts = decoder.decode(messages_of(messages)).alerts
    points = np.array(alerts["nPrvDiaSources"].to_pylist()) + alerts["nPrvDiaForcedSources"].to_pylist()
    long = points[points > 0]
    assert len(long) / 1_000 == pytest.approx(1 / 9, abs=0.02)
    assert (280 < long.min() < 400, 1_000 < long.max() <= 1_250) == (True, True)
    assert np.mean([len(message) for message in messages]) / 1e3 == pytest.approx(120, abs=3)


def test_recurrence_one_makes_the_second_half_of_the_night_of_known_objects():
    simulation = Simulation(night=NIGHT, visits=4, alerts_per_visit=20, visits_per_field=2, recurrence=1.0, corpus="shallow")
    first, second = (
        {
            (alert["diaObject"] or {}).get("diaObjectId") or alert["ssSource"]["ssObjectId"]
            for visit in simulation.observe(*half)
            for alert in map(decode, visit.messages())
        }
        for half in ((0, 2), (2, 4))
    )
    assert first == second
    assert len(first) == 40


def test_the_digest_is_of_the_ids():
    simulation = Simulation(night=NIGHT, visits=2, alerts_per_visit=30, repeated_share=0.3, damaged_share=0.2)
    plain = Simulation(night=NIGHT, visits=2, alerts_per_visit=30)
    for visit, alerts in zip(simulation.observe(), alerts_of(plain), strict=True):
        ids = np.array(sorted(alert["diaSourceId"] for alert in alerts))
        assert visit.sent.digest == digest_of(ids)
        assert visit.sent.digest != digest_of(ids[1:])
        assert visit.sent.visit == alerts[0]["diaSource"]["visit"]
        assert visit.sent.solar == sum(alert["diaObject"] is None for alert in alerts)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"night": 20261322}, "YYYYMMDD"),
        ({"corpus": "huge"}, "shallow, mixed, deep"),
        ({"schema_version": "99.9"}, "11.1"),
        ({"damaged_share": 1.5}, "damaged_share"),
        ({"visits": 0}, "1,100 visits"),
        ({"visits": 276, "visits_per_field": 1}, "raise visits_per_field"),
        ({"alerts_per_visit": 100_000}, "lower alerts_per_visit"),
    ],
)
def test_what_cannot_be_made_is_refused(given, says):
    with pytest.raises(UserError, match=says):
        Simulation(**given)
