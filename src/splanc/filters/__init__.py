"""Users' filters: their language, what it means, and running all of them on every alert.

A filter's text is parsed once, when it is saved, to a tree of columns, values and operations from an allow-list (`tree`). The same
tree is compiled for the stream and printed as SQL for past data: one meaning, live and historic.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from .language import parse_filter, parse_statement
    from .to_sql import as_sql
else:
    __getattr__ = load_on_use(__name__)

__all__ = ["as_sql", "parse_filter", "parse_statement"]
