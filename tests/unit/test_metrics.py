from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from splanc.metrics import LATENCY_NAME, LATENCY_SECONDS, SIDES, STAGES, LatencyHistogram, Metrics

ROUNDING = 1e-9

latencies = st.lists(st.floats(0.001, 14_000.0), min_size=1, max_size=60)


def histogram_of(*groups: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for group in groups:
        histogram.add(np.array(group, np.float64))
    return histogram


@settings(max_examples=30)
@given(seconds=latencies, share=st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_at_most_a_twentieth_above_the_true_ones(seconds: list[float], share: float) -> None:
    found = histogram_of(seconds).percentile(share)
    true = float(np.quantile(seconds, share, method="inverted_cdf"))
    assert found is not None
    assert true * (1 - ROUNDING) <= found <= true * 1.05 * (1 + ROUNDING)
    assert found <= max(seconds)


@settings(max_examples=30)
@given(one=latencies, other=latencies)
def test_two_histograms_merge_to_that_of_all(one: list[float], other: list[float]) -> None:
    merged = histogram_of(one)
    merged.merge(json.loads(json.dumps(histogram_of(other).report())))
    together = histogram_of(one, other)
    assert merged.report() == together.report()
    assert merged.summary() == together.summary()


def test_no_latencies_have_no_percentiles() -> None:
    empty = LatencyHistogram()
    empty.add(np.zeros(0))
    assert empty.summary() == {"p50": None, "p99": None, "max": None}
    assert empty.report() == {"buckets": {}, "max_seconds": 0.0}


def test_clocks_that_disagree_and_endless_waits_are_counted_at_the_ends() -> None:
    histogram = histogram_of([-5.0, 0.0, 1e-9], [1e9])
    assert histogram.cumulative((0.001, 3600.0)) == [3, 3, 4]
    assert histogram.percentile(0.5) == pytest.approx(0.001)
    assert histogram.summary()["max"] == 1e9


@settings(max_examples=30)
@given(seconds=latencies)
def test_buckets_for_prometheus_grow_and_hold_all(seconds: list[float]) -> None:
    histogram = histogram_of(seconds)
    counts = histogram.cumulative(LATENCY_SECONDS)
    assert counts == sorted(counts)
    assert counts[-1] == len(seconds)
    for bound, count in zip(LATENCY_SECONDS, counts, strict=False):
        assert sum(s <= bound / 1.05 for s in seconds) <= count <= sum(s <= bound * (1 + ROUNDING) for s in seconds)
    assert sum(seconds) * (1 - ROUNDING) <= histogram.sum_seconds <= sum(seconds) * 1.05 * (1 + ROUNDING)


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a node that has done something with each of them."""
    made = Metrics()
    made.received.inc(10)
    made.rejected.labels("truncated").inc(2)
    made.sent.labels("publish").inc(8)
    made.errors.labels("archive", "UpstreamError").inc()
    made.dropped.labels("archive", "Superseded", "true").inc(3)
    made.repeated.inc()
    made.matches_withheld.labels("quota").inc(4)
    made.latency["publish"].add(np.array([0.2, 0.4, 2.5]))
    for side in SIDES:
        made.lag.labels(side).set(5)
        made.age.labels(side).set(1.5)
    with made.timed("decode"):
        time.sleep(0.002)
    return made


def samples(metrics: Metrics) -> dict[str, float]:
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    return {" ".join([sample.name, *sorted(f"{k}={v}" for k, v in sample.labels.items())]): sample.value for family in families for sample in family.samples}


def test_what_prometheus_reads_is_named_documented_and_bounded(metrics: Metrics) -> None:
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    assert len(families) == len({family.name for family in families}) > 10
    for family in families:
        assert family.name.startswith("splanc_")
        assert family.documentation.endswith(".")
        assert family.samples, family.name
        for sample in family.samples:
            assert set(sample.labels) <= {"stage", "side", "error_type", "reason", "intentional", "le"}
        if family.type == "counter":
            assert {sample.name for sample in family.samples} <= {f"{family.name}_total", f"{family.name}_created"}


def test_counts_arrive_as_they_were_made(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["splanc_node_alerts_received_total"] == 10
    assert found["splanc_node_packets_rejected_total error_type=truncated"] == 2
    assert found["splanc_stage_alerts_sent_total stage=publish"] == 8
    assert found["splanc_stage_errors_total error_type=UpstreamError stage=archive"] == 1
    assert found["splanc_stage_alerts_dropped_total intentional=true reason=Superseded stage=archive"] == 3
    assert found["splanc_node_lag_messages side=archive"] == 5


def test_latencies_arrive_as_a_histogram(metrics: Metrics) -> None:
    found = samples(metrics)
    bounds = {bound: found[f"{LATENCY_NAME}_bucket le={bound} side=publish"] for bound in ("0.1", "0.35", "0.75", "2.0", "3.0", "+Inf")}
    assert bounds == {"0.1": 0, "0.35": 1, "0.75": 2, "2.0": 2, "3.0": 3, "+Inf": 3}
    assert found[f"{LATENCY_NAME}_count side=publish"] == 3
    assert found[f"{LATENCY_NAME}_sum side=publish"] == pytest.approx(3.1, rel=0.05)
    assert found[f"{LATENCY_NAME}_count side=archive"] == 0


def test_time_is_counted_even_when_the_stage_fails() -> None:
    metrics = Metrics()

    def fail() -> None:
        with metrics.timed("decode"):
            time.sleep(0.01)
            raise ValueError("of the stage")

    with pytest.raises(ValueError, match="of the stage"):
        fail()
    found = samples(metrics)
    assert 0.01 <= found["splanc_stage_duration_seconds_total stage=decode"] < 1
    assert found["splanc_stage_cpu_seconds_total stage=decode"] == pytest.approx(metrics.cpu_by_stage["decode"])
    assert metrics.cpu_by_stage["decode"] < 0.01
    assert set(metrics.cpu_by_stage) == set(STAGES)


def test_metrics_of_two_nodes_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.received.inc(4)
    assert samples(other)["splanc_node_alerts_received_total"] == 0
