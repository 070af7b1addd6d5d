from __future__ import annotations

import numpy as np
import pytest

from splanc.simulator import Simulation, _sphere
from splanc.simulator._fields import FIELD_RADIUS_DEG, Field
from splanc.simulator._hosts import Hosts, Role, places
from tests.unit.simulator.alerts import NIGHT

OBJECTS = np.arange(4_000)


@pytest.fixture(scope="module")
def field() -> Field:
    simulation = Simulation(night=NIGHT, visits=4, alerts_per_visit=1_000, hosts=True, seed=5)
    return simulation._field(0)


def arcsec(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return 2 * np.arcsin(np.sqrt(((one - other) ** 2).sum(axis=-1)) / 2) * 206_264.80624709636


def test_places_are_fields_with_stars_and_galaxies() -> None:
    assert len(places()) >= 5
    for place in places():
        assert np.abs((place.directions**2).sum(axis=1) - 1).max() < 1e-14
        assert arcsec(place.directions, place.centre).max() / 3600 < FIELD_RADIUS_DEG - 0.02
        assert set(place.kind) <= {"star", "cv", "galaxy"}
        assert min((place.kind == kind).sum() for kind in ("star", "galaxy")) >= 5
        assert (place.extent_arcsec[place.kind != "galaxy"] == 0).all()


def test_objects_are_on_beside_and_within_sources(field: Field) -> None:
    hosts = field.hosts
    assert hosts is not None
    role, source = hosts.role[OBJECTS], hosts._source[OBJECTS]
    separation = arcsec(field.directions(OBJECTS), hosts.place.directions[source])
    on, beside, within = (role == one for one in (Role.SOURCE, Role.BESIDE, Role.WITHIN))
    assert separation[on].max() < 1e-9
    assert sorted(source[on]) == list(range(len(hosts.place.kind)))
    assert 3.5 <= separation[beside].min() < 3.6
    assert 6.4 < separation[beside].max() <= 6.5
    assert set(hosts.place.kind[source[beside]]) == {"star"}
    assert set(hosts.place.kind[source[within]]) == {"galaxy"}
    assert (separation[within] <= np.clip(hosts.place.extent_arcsec[source[within]], 3, 60) + 1e-6).all()
    assert separation[within].min() == pytest.approx(3)
    assert [one.mean() for one in (beside, within)] == pytest.approx([0.06, 0.25], abs=0.02)


def test_the_rest_is_where_it_would_be_anyway(field: Field) -> None:
    hosts = field.hosts
    assert hosts is not None
    alone = OBJECTS[hosts.role[OBJECTS] == Role.ALONE]
    assert (field.directions(alone) == _sphere.in_cap(field.centre, FIELD_RADIUS_DEG - 0.001, 5, 0, alone)).all()
    assert (arcsec(field.directions(OBJECTS), field.centre) / 3600 < FIELD_RADIUS_DEG).all()


def test_moving_objects_have_no_host(field: Field) -> None:
    moving = Simulation(night=NIGHT, visits=1, alerts_per_visit=100, solar_share=1.0, hosts=True)._field(0)
    still = Simulation(night=NIGHT, visits=1, alerts_per_visit=100, solar_share=1.0)._field(0)
    still.centre = moving.centre
    objects = moving.visit(0, 0, 100, 0.0)
    assert (still.visit(0, 0, 100, 0.0) == objects).all()
    assert (moving.directions(objects) == still.directions(objects)).all()


def test_stars_vary_and_what_goes_off_in_galaxies_does_not(field: Field) -> None:
    hosts = field.hosts
    assert hosts is not None
    by_chance = OBJECTS % 2 == 0
    varies = hosts.varies(OBJECTS, by_chance)
    role, star = hosts.role[OBJECTS], hosts.place.kind[hosts._source[OBJECTS]] != "galaxy"
    assert (varies[role == Role.ALONE] == by_chance[role == Role.ALONE]).all()
    assert (varies[role == Role.SOURCE] == star[role == Role.SOURCE]).all()
    assert not varies[role == Role.WITHIN].any()


def test_when_the_places_are_used_up_fields_are_wherever_chance_has_them() -> None:
    simulation = Simulation(night=NIGHT, visits=len(places()) + 1, alerts_per_visit=10, visits_per_field=1, hosts=True)
    last = simulation._field(len(places()))
    assert last.hosts is None
    assert (last.centre == _sphere.field_centre(simulation.seed, len(places()))).all()


def test_fields_of_one_night_have_other_hosts_for_other_objects() -> None:
    one, two = (Hosts(places()[0], seed, 0, 1_000) for seed in (1, 2))
    assert (one.role != two.role).any()
    assert (one._source[one.role == Role.SOURCE] != two._source[two.role == Role.SOURCE][: (one.role == Role.SOURCE).sum()]).any()
