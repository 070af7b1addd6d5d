"""Putting one node together, and running it until it is told to stop."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import structlog

from ..archive import Archive, BlobStore, FilterStore
from ..archive import warm as warm_archive
from ..cache import LocalPacks, Spool
from ..compiled import compiling
from ..config import Settings
from ..crossmatch import open_classifier
from ..errors import UpstreamError
from ..features import warm as warm_features
from ..filters import FilterRunner
from ..filters import warm as warm_filters
from ..kafka import Consumer, Outbox, Reporter, ensure_topics, splanc_topics
from ..metrics import Metrics
from ..packet import Decoder, SchemaStore
from ..packet import warm as warm_decoder
from ..past import is_untidy, try_folder
from ..sky import warm as warm_sky
from ..stopping import stop_signal
from ..streams import open_filter_streams
from ._archive_side import ArchiveSide, Stores
from ._filter_watcher import FilterWatcher
from ._node import IngestNode, NodeParts, Owned
from ._node_filters import NodeFilters
from ._publish_side import PublishSide
from ._report import NodeReport
from ._upkeep import Upkeep
from ._uploader import Uploader
from .stages import stages

_log = structlog.get_logger()

STOP_SECONDS = 8.0
"""After SIGTERM a node ends the batch in hand and gives its archive side so long; the rest is read again from Kafka."""

_UPLOAD_STOP_SECONDS = 1.5
"""… and its uploads so long after that; a pack that is not uploaded by then stays on the disk."""

_KAFKA_WAIT_SECONDS = 5.0
"""Between two looks whether Kafka answers, at the start of a node."""


def run_node(settings: Settings, node: str, *, upkeep: Sequence[str], parent: int | None = None, metrics_port: int = 0) -> None:
    """Run one node until SIGTERM or SIGINT, or until its parent has gone.

    Parameters
    ----------
    settings : with the archive's DSN.
    node : its name, unique in the group.
    upkeep : the command that keeps past nights in order.
    parent : process id of the supervisor; None without one.
    metrics_port : where Prometheus finds its metrics; 0: nowhere.

    Raises
    ------
    UserError
        If it cannot run as it is configured: a catalogue is missing or broken, rules cannot be understood, a dust map cannot be read, or the folder of
        rows cannot be used.
    UpstreamError
        If the node cannot go on; started again, it goes on from the marks.
    """
    structlog.contextvars.bind_contextvars(node=node)
    should_stop = _stop_signal(parent)
    if settings.filters.rows_nights:
        _try_rows_folder(settings)
    _await_kafka(settings, should_stop)
    if should_stop():
        return
    metrics = Metrics()
    if metrics_port:
        metrics.serve(metrics_port)
    with ExitStack() as stack:
        filters = NodeFilters(FilterRunner())
        notices = Reporter(settings.kafka, settings.kafka.notices_topic)
        stack.callback(notices.close)
        watcher = FilterWatcher(
            FilterStore(settings.archive_dsn),
            settings.filters_copy,
            runner=filters,
            metrics=metrics,
            tell=notices.send,
            seconds=settings.filters.poll_seconds,
        )
        parts, archive_side, uploader = _assemble(settings, node, metrics, filters, stack)
        watcher.load()
        # What has been loaded so far stays for good: the collector need not look at it after every batch.
        gc.freeze()
        watcher.start()
        stack.callback(watcher.stop)
        uploader.start()
        stack.callback(uploader.stop, _UPLOAD_STOP_SECONDS)
        archive_side.start()
        stack.callback(archive_side.stop, STOP_SECONDS)
        if settings.filters.rows_nights:
            is_due = partial(is_untidy, settings.rows_folder, settings.filters.rows_nights)
            rows_upkeep = Upkeep(is_due, upkeep, metrics=metrics)
            rows_upkeep.start()
            stack.callback(rows_upkeep.stop)
        _log.info("node started", group=settings.kafka.group, topics=list(settings.kafka.input_topics))
        IngestNode(parts, should_stop).run()
    _log.info("node stopped")


def _try_rows_folder(settings: Settings) -> None:
    try_folder(settings.rows_folder)
    if settings.kafka.bootstrap_servers and settings.filters.rows_folder is None:
        advice = "with nodes on several machines, set filters.rows_folder to one that all of them share"
        _log.warning("rows of past nights stay on this machine", folder=str(settings.rows_folder), then=advice)


def _assemble(settings: Settings, node: str, metrics: Metrics, filters: NodeFilters, stack: ExitStack) -> tuple[NodeParts, ArchiveSide, Uploader]:
    """Return the parts of a node; the stack closes them, last made first closed."""
    schemas = SchemaStore(settings.schemas, settings.schemas_cache)
    _warm(schemas)
    classifier = open_classifier(settings, metrics)
    if classifier is not None:
        stack.callback(classifier.close)
    report = NodeReport(node, metrics)
    reporter = Reporter(settings.kafka, settings.kafka.nodes_topic)
    stack.callback(reporter.close)
    archive = stack.enter_context(Archive(settings.archive_dsn))
    folder = re.sub(r"[^A-Za-z0-9.-]+", "-", node)
    spool = Spool(settings.data_dir / "cache" / folder, settings.cache.max_bytes)
    stack.callback(spool.close)
    local = LocalPacks(settings.packs_folder / folder, settings.blobs.local_max_bytes)
    stack.callback(local.close)
    rows = settings.rows_folder if settings.filters.rows_nights else None
    stores = Stores(archive=archive, blobs=BlobStore(settings.blobs_place, settings.blobs_s3), spool=spool, local=local, rows=rows)
    archive_side = ArchiveSide(stores, node, report=report, metrics=metrics)
    outbox = Outbox(settings, node)
    stack.callback(outbox.close)
    owned = Owned()
    consumer = Consumer(settings, node, on_assign=owned.add, on_revoke=owned.remove)
    stack.callback(consumer.close)
    streams = stack.enter_context(open_filter_streams(settings, filters.ran, filters.take_cpu_us))
    publish_side = PublishSide(settings.kafka, outbox, consumer, report=report, metrics=metrics, streams=streams)
    parts = NodeParts(
        consumer=consumer,
        owned=owned,
        decoder=Decoder(schemas, settings.ingest.max_packet_bytes),
        stages=stages(settings, filters, classifier),
        publish_side=publish_side,
        archive_side=archive_side,
        report=report,
        metrics=metrics,
        local=local,
        send_report=lambda record: reporter.send(report.incarnation.encode(), record),
    )
    return parts, archive_side, Uploader(local, archive, stores.blobs, metrics=metrics)


def _warm(schemas: SchemaStore) -> None:
    """Load or compile all that the first batch would wait for."""
    with compiling("node", partial(_log.info, "compiling", then="the node starts in about a minute; once a machine and version")):
        warm_decoder(schemas)
        warm_archive()
        warm_sky()
        warm_features()
        warm_filters()


def _stop_signal(parent: int | None) -> Callable[[], bool]:
    """Return what says whether SIGTERM or SIGINT came, or the parent has gone."""
    is_told = stop_signal()
    return lambda: is_told() or (parent is not None and os.getppid() != parent)


def _await_kafka(settings: Settings, should_stop: Callable[[], bool]) -> None:
    """Wait until Kafka answers, however long; a warning says so once."""
    warned = False
    while not should_stop():
        try:
            ensure_topics(settings.kafka, splanc_topics(settings.kafka))
        except UpstreamError as error:
            if not warned:
                _log.warning("kafka away", why=str(error), then="waiting for it")
            warned = True
            time.sleep(_KAFKA_WAIT_SECONDS)
        else:
            return
