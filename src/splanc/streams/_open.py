"""The streams of filters on a real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial

from ..config import Settings
from ..filters import Filter
from ..kafka import MAX_MESSAGE_BYTES, SharedLog, TopicSpec, create_topics
from ._filter_streams import FilterStreams
from ._quotas import Quotas
from ._schemas import FilterSchemas, register
from ._topics import FilterTopics


@contextmanager
def open_filter_streams(settings: Settings, filters: Callable[[], Mapping[int, Filter]], cpu_us: Callable[[], Mapping[int, float]]) -> Iterator[FilterStreams]:
    """Yield the streams of a node's filters; at the end what was claimed of quotas and not used is given back.

    Parameters
    ----------
    filters, cpu_us : see `FilterStreams`.
    """
    kafka = settings.kafka
    spec = TopicSpec(
        partitions=settings.filters.topic_partitions,
        replication=kafka.replication,
        retention_hours=kafka.retention_hours,
        max_message_bytes=MAX_MESSAGE_BYTES,
    )

    def create(names: Collection[str]) -> dict[str, str]:
        return create_topics(kafka, dict.fromkeys(names, spec))

    with closing(SharedLog(kafka, kafka.quotas_topic)) as log:
        schemas = FilterSchemas(partial(register, settings.schemas)) if settings.filters.format == "avro" else None
        streams = FilterStreams(settings.filters, filters, cpu_us, topics=FilterTopics(create), quotas=Quotas(log), schemas=schemas)
        yield streams
        streams.close()
