"""Keys of PostgreSQL's advisory locks, all in one place, since two of one number would wait for each other."""

from __future__ import annotations

MIGRATING = 0x73706C616E63
"""Lets one migration run at a time: "splanc" in ASCII."""

PARTITIONING = 0x73706C616E64
"""Lets one process at a time make partitions."""

CLASSIFYING = 0x73706C616E65
"""Is held by the process that works off the list of objects to classify again."""

WRITING_FILTERS = 0x66696C74657273
"""Lets one change of filters be committed at a time: "filters" in ASCII."""
