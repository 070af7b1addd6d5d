"""Filters' topics are readable by their owners, and by everybody if the filter is public: said to Kafka."""

from __future__ import annotations

from collections.abc import Iterable

from ..config import Settings
from ..kafka import Access, AccessChanges, TopicReaders
from .definition import Filter, State


def sync_access(settings: Settings, filters: Iterable[Filter]) -> AccessChanges | None:
    """Make the rights on filters' topics exactly those that the filters ask for; None if that is not for splanc to do.

    It may be called after each change, and again without harm. One process should: of two with different filters, the last is followed.

    Parameters
    ----------
    filters : all that there are; what is not among them, or deleted, is readable by nobody.

    Raises
    ------
    UserError
        If splanc's own clients have no name or not the right to do this.
    UpstreamError
        If Kafka does not answer.
    """
    if not settings.kafka.keeps_access:
        return None
    access = Access(settings.kafka, settings.filters.topic_prefix)
    return access.reconcile(
        TopicReaders(topic=one.topic, owner=one.definition.owner, public=one.definition.public) for one in filters if one.state is not State.deleted
    )
