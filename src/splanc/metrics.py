"""What a node counts, and what delivery counts, for Prometheus. Updated once a batch; labels are bounded sets, never ids.

Names are `splanc_<stage>_<noun>_<unit>_total`; every stage counts what it received, sent and dropped, its errors by kind,
and its seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

LATENCY_NAME = "splanc_node_latency_seconds"
"""Name of the latency histogram."""

LATENCY_TEXT = "From Kafka's timestamp of an alert to a side of the node being done with it, seconds."
"""What it says of itself."""

STAGES = (
    "collect",
    "decode",
    "pack",
    "index_sky",
    "classify",
    "compute_features",
    "add_moving_objects",
    "run_filters",
    "publish",
    "blobs",
    "rows",
    "archive",
    "upload",
    "watch_filters",
    "upkeep",
)
"""Values of the label `stage`, in the order of the flow."""

SIDES = ("publish", "archive")
"""Values of the label `side`."""

LATENCY_SECONDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60, 120, 600, 3600)
"""Upper bounds of latency buckets, seconds; fine around one second, where a night should lie."""

_STEP = 1.05
"""Ratio of neighbouring buckets: percentiles are right to 5 %."""

_SMALLEST_SECONDS = 0.001
_BUCKETS = 340
"""Up to 0.001 s · 1.05^340, about four hours."""


class LatencyHistogram:
    """Counts of latencies in logarithmic buckets; two add up by `merge`."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, dtype=np.int64)
        self.max_seconds = 0.0

    def add(self, seconds: npt.NDArray[np.float64]) -> None:
        """Count latencies, shape (n,); clocks that disagree may make some negative, which count as the smallest."""
        if len(seconds) == 0:
            return
        bucket = np.ceil(np.log(np.maximum(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS) / np.log(_STEP)).astype(np.int64)
        self._counts += np.bincount(np.minimum(bucket, _BUCKETS - 1), minlength=_BUCKETS)
        self.max_seconds = max(self.max_seconds, float(seconds.max()))

    def percentile(self, share: float) -> float | None:
        """Return the latency in seconds that a share (0 to 1) of the counted ones do not exceed; None without any."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        bucket = int(np.searchsorted(np.cumsum(self._counts), share * total))
        return float(min(_SMALLEST_SECONDS * _STEP**bucket, self.max_seconds))

    def merge(self, report: Mapping[str, object]) -> None:
        """Add what another histogram's `report()` says."""
        buckets = report["buckets"]
        assert isinstance(buckets, Mapping)
        for bucket, count in buckets.items():
            self._counts[int(bucket)] += int(count)
        self.max_seconds = max(self.max_seconds, float(str(report["max_seconds"])))

    def less(self, earlier: LatencyHistogram) -> LatencyHistogram:
        """Return what was counted since an earlier state of this histogram; its maximum is to the width of a bucket."""
        since = LatencyHistogram()
        since._counts = self._counts - earlier._counts
        used = np.flatnonzero(since._counts)
        since.max_seconds = min(self.max_seconds, _SMALLEST_SECONDS * _STEP ** int(used[-1])) if len(used) else 0.0
        return since

    def report(self) -> dict[str, object]:
        """Return the counts as JSON holds them."""
        used = np.flatnonzero(self._counts)
        return {"buckets": {str(i): int(self._counts[i]) for i in used}, "max_seconds": self.max_seconds}

    def summary(self) -> dict[str, float | None]:
        """Return p50, p99 and max in seconds."""
        return {"p50": self.percentile(0.5), "p99": self.percentile(0.99), "max": self.max_seconds or None}

    def cumulative(self, bounds_seconds: tuple[float, ...]) -> list[int]:
        """Return how many latencies do not exceed each bound, and the number of all, shape (n_bound + 1,)."""
        upper = _SMALLEST_SECONDS * _STEP ** np.arange(_BUCKETS)
        return [int(self._counts[upper <= bound].sum()) for bound in bounds_seconds] + [int(self._counts.sum())]

    @property
    def sum_seconds(self) -> float:
        """The sum of all latencies, to the width of a bucket."""
        return float((self._counts * _SMALLEST_SECONDS * _STEP ** np.arange(_BUCKETS)).sum())


class _LatencyCollector(Collector):
    """Shows latency histograms to Prometheus when it asks, so that counting costs nothing per alert."""

    def __init__(self, sides: Mapping[str, LatencyHistogram]) -> None:
        self._sides = sides

    @override
    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(LATENCY_NAME, LATENCY_TEXT, labels=["side"])
        for side, histogram in self._sides.items():
            bounds = [*(str(float(bound)) for bound in LATENCY_SECONDS), "+Inf"]
            family.add_metric([side], list(zip(bounds, histogram.cumulative(LATENCY_SECONDS), strict=True)), histogram.sum_seconds)
        yield family


class _Registered:
    """Metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def serve(self, port: int) -> None:
        """Serve the metrics over HTTP on a port of all interfaces."""
        start_http_server(port, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


class Metrics(_Registered):
    """The metrics of one node, in a registry of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.received = self._counter("splanc_node_alerts_received", "Messages taken from the input topics.")
        self.rejected = self._counter("splanc_node_packets_rejected", "Packets that could not be read, by kind of error.", "error_type")
        self.sent = self._counter("splanc_stage_alerts_sent", "Alerts that a stage has finished with.", "stage")
        self.errors = self._counter("splanc_stage_errors", "Failures of a stage, each retried, by kind of error.", "stage", "error_type")
        self.dropped = self._counter(
            "splanc_stage_alerts_dropped", "Alerts that a stage gave up, to be read again from Kafka.", "stage", "reason", "intentional"
        )
        self.seconds = self._counter("splanc_stage_duration_seconds", "Wall time spent in a stage, seconds.", "stage")
        self.cpu_seconds = self._counter("splanc_stage_cpu_seconds", "Processor time of a stage's own thread, seconds.", "stage")
        self.cpu_by_stage: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self.repeated = self._counter("splanc_archive_alerts_repeated", "Alerts whose diaSourceId had been received before.")
        self.classify_hits = self._counter("splanc_classify_cache_hits", "Objects whose answer was there already.")
        self.classify_misses = self._counter("splanc_classify_cache_misses", "Objects that the catalogues or the servers had to be asked about.")
        self.classify_incomplete = self._counter("splanc_classify_objects_incomplete", "Objects whose answer is incomplete, most of them UNCLASSIFIED.")
        self.classify_cache_objects = self._gauge("splanc_classify_cache_objects", "Objects that have an answer, on this machine.")
        self.classify_cache_bytes = self._gauge("splanc_classify_cache_bytes", "Bytes of those answers.")
        self.classify_servers = self._gauge("splanc_classify_servers_answering", "Classifier servers that answer this node.")
        self.matches_published = self._counter("splanc_streams_matches_published", "Matches of filters that were published.")
        self.matches_bytes = self._counter("splanc_streams_published_bytes", "Bytes of those records, without keys and headers.")
        self.matches_withheld = self._counter(
            "splanc_streams_matches_withheld",
            "Matches of filters that were withheld: quota used up, topic refused, record too large, schema not registered.",
            "reason",
        )
        self.latency = {side: LatencyHistogram() for side in SIDES}
        self.registry.register(_LatencyCollector(self.latency))
        self.lag = self._gauge(
            "splanc_node_lag_messages", "Messages of the node's partitions not yet published, or not yet handed to the archive side.", "side"
        )
        self.age = self._gauge("splanc_node_newest_age_seconds", "Age of the newest alert that a side has done, seconds.", "side")
        self.waiting_batches = self._gauge("splanc_cache_waiting_batches", "Batches in the local cache, waiting for the archive.")
        self.waiting_bytes = self._gauge("splanc_cache_waiting_bytes", "Bytes of those batches, packs included.")
        self.local_packs = self._gauge("splanc_upload_waiting_packs", "Packs on the node's disk, waiting for the blob store.")
        self.local_bytes = self._gauge("splanc_upload_waiting_bytes", "Bytes of those packs.")
        self.filters = self._gauge("splanc_filters_running", "Filters that the node runs.")
        self.uploaded_bytes = self._counter("splanc_upload_packs_bytes", "Bytes of packs that were uploaded, the store's checksum agreeing.")

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time spent inside as a stage's."""
        began, began_cpu = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            cpu = time.thread_time() - began_cpu
            self.cpu_by_stage[stage] += cpu
            self.cpu_seconds.labels(stage).inc(cpu)
            self.seconds.labels(stage).inc(time.monotonic() - began)


class DeliverMetrics(_Registered):
    """The metrics of a process that delivers digests, notices and webhooks."""

    def __init__(self) -> None:
        super().__init__()
        self.active = self._gauge("splanc_deliver_active", "1 in the process that delivers, 0 in one that waits for that one to end.")
        self.mails = self._counter("splanc_deliver_mails_sent", "Mails that the mail server took: digests and notices.")
        self.matches = self._counter("splanc_deliver_matches_taken", "Matches that webhooks took.")
        self.failures = self._counter("splanc_deliver_failures", "Attempts that failed: of a webhook, a digest, or a notice.", "kind")
        self.waiting_matches = self._gauge("splanc_deliver_waiting_matches", "Matches of webhooks that were read and wait; more may be in their topics.")
        self.waiting_notices = self._gauge("splanc_deliver_waiting_notices", "Notices that wait for the mail server.")
        self.failing_webhooks = self._gauge("splanc_deliver_failing_webhooks", "Webhooks whose last attempt failed.")
        self.mail_server_away = self._gauge("splanc_deliver_mail_server_away", "1 while the mail server does not answer, or refuses everything.")
