"""What leaves by Kafka: the lite stream, filters' matches within their quotas, and the counts of what was published."""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._fates import WITHHELD, Fate, from_ranges
    from ._filter_streams import FilterStreams, Outgoing, TopicRecords
    from ._lite import LITE_COLUMNS, lite_records
    from ._notices import paused_notice, webhook_notice
    from ._open import open_filter_streams
    from ._published import published_record
    from ._quotas import Account, Quotas, Told
    from ._schemas import FilterSchemas, SchemaRefused, register
    from ._topics import FilterTopics
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "LITE_COLUMNS",
    "WITHHELD",
    "Account",
    "Fate",
    "FilterSchemas",
    "FilterStreams",
    "FilterTopics",
    "Outgoing",
    "Quotas",
    "SchemaRefused",
    "Told",
    "TopicRecords",
    "from_ranges",
    "lite_records",
    "open_filter_streams",
    "paused_notice",
    "published_record",
    "register",
    "webhook_notice",
]
