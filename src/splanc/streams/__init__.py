"""What leaves by Kafka: the lite stream, and the counts of what was published."""

from ._lite import LITE_COLUMNS, lite_records
from ._published import published_record

__all__ = ["LITE_COLUMNS", "lite_records", "published_record"]
