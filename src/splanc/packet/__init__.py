"""From bytes to columns: packets in, a `Batch` of Arrow tables out.

In the order of the flow: messages (from Kafka, or `read_files`) name their schema by an id, which the `SchemaStore` finds;
the `Decoder` runs the schema's compiled plan over the messages' bytes and maps what it finds onto the common record (`RECORDS`,
`ALERT_COLUMNS`); `take`, `concat` and `trigger_rows` are for those who work on batches. All knowledge of a survey is in its module.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._batch import Batch, Cutouts, Messages, Partition
    from ._columns import as_floats, floats_of, integers_of
    from ._decoder import Decoder, warm
    from ._encode import encode, frame_header
    from ._rejects import rejected_nights
    from ._rows import concat, take, trigger_rows
    from ._store import Schema, SchemaStore
    from .files import read_files
    from .object_names import NO_OBJECT, object_id, object_ids, object_name
    from .record import AB_ZERO_POINT, ALERT_COLUMNS, CUTOUTS, RECORDS, column_name
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "AB_ZERO_POINT",
    "ALERT_COLUMNS",
    "CUTOUTS",
    "NO_OBJECT",
    "RECORDS",
    "Batch",
    "Cutouts",
    "Decoder",
    "Messages",
    "Partition",
    "Schema",
    "SchemaStore",
    "as_floats",
    "column_name",
    "concat",
    "encode",
    "floats_of",
    "frame_header",
    "integers_of",
    "object_id",
    "object_ids",
    "object_name",
    "read_files",
    "rejected_nights",
    "take",
    "trigger_rows",
    "warm",
]
