"""What is sent beside the good alerts: repeats and damage, and the account of it all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from splanc.config import SchemaSettings
from splanc.errors import UserError
from splanc.packet import SchemaStore, read_files
from splanc.simulator import Pace, Sent, Simulation, VisitSent, digest_of, write_file
from splanc.simulator._damage import KINDS, damage
from tests.support.packets import messages_of
from tests.unit.simulator.alerts import NIGHT

SIMULATION = Simulation(night=NIGHT, visits=5, alerts_per_visit=100, repeated_share=0.07, damaged_share=0.05, visits_per_field=3)


def test_received_is_archived_rejected_and_repeated(decoder):
    visits = [(visit.sent, visit.size, list(visit.messages())) for visit in SIMULATION.observe()]
    assert [size for _, size, _ in visits] == [len(messages) for _, _, messages in visits]
    assert [(sent.alerts, sent.repeated, sent.damaged) for sent, _, _ in visits] == [(100, 7, 5)] * 5
    batch = decoder.decode(messages_of([message for _, _, messages in visits for message in messages]))
    assert (len(batch), len(batch.rejects)) == (535, 25)
    counts = Counter(batch.alerts["diaSourceId"].to_pylist())
    assert (len(counts), Counter(counts.values())[2]) == (500, 35)
    by_visit = Counter(batch.alerts["visit"].to_pylist())
    assert by_visit == {sent.visit: sent.alerts + sent.repeated for sent, _, _ in visits}
    assert digest_of(np.array(list(counts))) == f"{sum(int(sent.digest, 16) for sent, _, _ in visits) % 2**64:016x}"


def test_repeats_are_the_same_bytes_in_the_same_visit_or_the_next():
    places: dict[bytes, list[int]] = {}
    for number, visit in enumerate(SIMULATION.observe()):
        for message in visit.messages():
            places.setdefault(message, []).append(number)
    repeats = Counter(later - earlier for earlier, later in (seen for message, seen in places.items() if len(seen) == 2 and message))
    assert repeats == {0: 4 * 4 + 7, 1: 4 * 3}


def test_small_shares_come_true_over_the_night():
    simulation = Simulation(night=NIGHT, visits=40, alerts_per_visit=10, repeated_share=0.01, damaged_share=0.005)
    sent = [visit.sent for visit in simulation.observe()]
    assert (sum(visit.repeated for visit in sent), sum(visit.damaged for visit in sent)) == (4, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_damage_is_rejected(kind, decoder):
    packets = list(next(Simulation(night=NIGHT, visits=1, alerts_per_visit=60).observe()).messages())
    damaged = [damage(packet, kind, place) for place, packet in enumerate(packets)]
    batch = decoder.decode(messages_of(damaged))
    assert (len(batch), len(batch.rejects)) == (0, 60)
    if kind == "flipped":
        pairs = [(int.from_bytes(packet), int.from_bytes(broken)) for packet, broken in zip(packets, damaged, strict=True)]
        assert {(good ^ bad).bit_count() for good, bad in pairs} == {1}


def test_all_kinds_of_damage_are_sent():
    simulation = Simulation(night=NIGHT, visits=1, alerts_per_visit=100, damaged_share=0.5)
    kinds = Counter(kind for visit in simulation.observe() for _, kind in visit._damaged)
    assert set(kinds) == set(KINDS)
    assert sum(kinds.values()) == 50


def test_a_part_of_a_night_is_a_night_of_its_own():
    whole = list(SIMULATION.observe())
    part = list(SIMULATION.observe(2, 4))
    assert [visit.sent for visit in part] == [visit.sent for visit in whole[2:4]]
    assert sum(visit.size for visit in part) == sum(visit.sent.messages for visit in part) == 2 * 112


def test_a_file_is_read_by_the_backfills_reader(tmp_path, decoder):
    simulation = Simulation(night=NIGHT, visits=2, alerts_per_visit=30, repeated_share=0.1)
    file = tmp_path / "night" / "alerts.avro"
    seen: list[VisitSent] = []
    sent = write_file(simulation, file, on_visit=seen.append)
    assert (sent.messages, sent.destination, tuple(seen)) == (66, str(file), sent.visits)
    errors: list[Exception] = []
    store = SchemaStore(SchemaSettings(), tmp_path / "schemas")
    values = [value for messages in read_files([file], store, on_error=errors.append) for value in messages.values]
    assert values == [message for visit in simulation.observe() for message in visit.messages()]
    assert errors == []


def test_files_hold_no_damage(tmp_path):
    with pytest.raises(UserError, match="send to Kafka"):
        write_file(SIMULATION, tmp_path / "alerts.avro")


def test_the_account_is_written_and_read(tmp_path):
    visits = tuple(visit.sent for visit in SIMULATION.observe())
    sent = Sent(night=NIGHT, seed=1, schema_version="11.1", corpus="mixed", destination="topic", seconds=1.5, visits=visits)
    assert (sent.messages, sent.alerts, sent.repeated, sent.damaged) == (560, 500, 35, 25)
    path = tmp_path / "new" / "sent.json"
    sent.write(path)
    assert Sent.read(path) == sent
    (tmp_path / "other.json").write_text("[]")
    for wrong in (tmp_path / "other.json", Path(tmp_path / "missing.json")):
        with pytest.raises(UserError, match="splanc simulate"):
            Sent.read(wrong)


def test_paces():
    assert Pace.parse("max") == Pace()
    burst = Pace.parse("burst")
    assert [burst.due_seconds(*place) for place in ((0, 0.0, 0), (0, 0.5, 500), (2, 0.0, 2_000))] == [0, 2.5, 78]
    assert Pace.parse("10x").due_seconds(2, 0.5, 2_500) == pytest.approx(8.05)
    assert Pace.parse("250/s").due_seconds(7, 0.3, 1_000) == 4
    for wrong in ("", "fast", "0/s", "0x", "-1/s", "250"):
        with pytest.raises(UserError, match="burst, max"):
            Pace.parse(wrong)
