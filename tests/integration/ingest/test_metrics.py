from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from splanc.metrics import Metrics
from tests.support.kafka import free_port


def test_prometheus_can_ask_a_node() -> None:
    metrics, port = Metrics(), free_port()
    metrics.received.inc(3)
    metrics.serve(port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    assert families["splanc_node_alerts_received"].samples[0].value == 3
    assert families["splanc_node_latency_seconds"].type == "histogram"
