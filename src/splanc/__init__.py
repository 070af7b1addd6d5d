"""splanc: an alert broker for the Rubin Observatory's LSST stream.

The packages, in the order an alert flows through them; each may import only those above it:

packet     bytes to columns: wire format, schemas, the compiled decoder, surveys
kafka      the log: typed client settings, consumer, transactional outbox, dead letters, embedded broker
sky        positions: the HEALPix and HTM indexes, galactic latitude, dust
features   what light curves say
filters    users' filters: their language, compiling and running them
archive    the permanent store: tables, loading, cutouts, blob store, queries, embedded PostgreSQL
past       past nights as filters saw them: rows kept, backtests, explanations
cache      the node-local store: batches waiting for the archive
streams    what leaves: the lite stream, filters' matches, digests, webhooks
ingest     one node: stages, marks, the loop, its supervisor
head       the whole: registry of nodes, ledger, status, delivery, embedded services
simulator  a night made from real packets
cli        the commands
"""

from . import compiled as _compiled

_compiled.keep_compiled_code()  # before anything loads numba, which reads it once

__version__ = "0.1.0"
