"""Classifying the past again, when rules, catalogues or the classifier have changed, and what could not be classified as it came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..archive import ClassifyWork, LightcurveStore, PostgresLightcurves, Provenance, Which
from ..config import Settings
from ..crossmatch import CLASSIFICATIONS, UNCLASSIFIED, ClassifiesObjects
from ..errors import UpstreamError
from ..features import context_features, context_in, may_be_transient, objects_of
from ..packet import Batch, Messages

CHUNK_OBJECTS = 2_000
"""Objects that are done in one transaction: neighbours on the sky, so that their catalogues' tiles are read once; their light curves fit into memory."""

_SOURCES = {"diaSource": False, "diaForcedSource": True}
"""A batch's tables of sources, and whether they are forced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclassified:
    """What has been done so far.

    Parameters
    ----------
    total : objects that were on the list at the beginning.
    done : those of them that are off it.
    changed : of these, those whose class is another one now.
    unclassified : of these, those that could not be classified, or only in part, and are left as they were.
    """

    total: int
    done: int = 0
    changed: int = 0
    unclassified: int = 0


def classify_again(settings: Settings, classifier: ClassifiesObjects, which: Which) -> Iterator[Reclassified]:
    """Classify objects of the archive again, in the order of the sky, and yield after each chunk what has been done.

    What an earlier call has left on the list is done too. The stream may go on meanwhile: what is newer than what was read stays.

    Parameters
    ----------
    settings : with the archive's DSN.
    which : the objects to be put on the list; all of them only if nothing is on it, since then an earlier call was doing that.

    Raises
    ------
    UserError
        If somebody is doing this already.
    UpstreamError
        If the archive or the classifier fails; called again, it goes on.
    """
    with ClassifyWork(settings.archive_dsn) as work, PostgresLightcurves(settings.archive_dsn) as lightcurves:
        goes_on = which is Which.everything and work.count() > 0
        work.add(Which.stale if goes_on else which, provenance_of(classifier))
        so_far = Reclassified(total=work.count())
        yield so_far
        while (objects := work.take(CHUNK_OBJECTS)).num_rows:
            said = _said_of(objects, classifier)
            is_known = pc.not_equal(said["classification"], UNCLASSIFIED)
            before, said = objects.filter(is_known), said.filter(is_known)
            work.write(said, features_again(before, said, lightcurves))
            so_far = Reclassified(
                total=so_far.total,
                done=so_far.done + objects.num_rows,
                changed=so_far.changed + int(_differ(before["classification"], said["classification"]).sum()),
                unclassified=so_far.unclassified + objects.num_rows - said.num_rows,
            )
            yield so_far


def provenance_of(classifier: ClassifiesObjects) -> Provenance:
    """Return what classes follow from now.

    Raises
    ------
    UpstreamError
        If the classifier cannot be asked.
    """
    said = classifier.classify_objects(np.zeros(1, np.int64), np.zeros(1), np.zeros(1), np.full(1, np.nan))
    found = [said[name][0].as_py() for name in Provenance._fields]
    if None in found:
        raise UpstreamError(f"the classifier does not answer: {said['explanation'][0].as_py()}; start its servers, and call this again")
    return Provenance(*found)


def features_again(before: pa.Table, said: pa.Table, lightcurves: LightcurveStore) -> pa.Table:
    """Return the features that follow from class and distance, of those objects whose class or distance is another one now.

    They are computed from all that the archive has of the objects' light curves, and from the reddening that it has.

    Parameters
    ----------
    before : of `OBJECTS_READ`, by diaObjectId, with what was said of the objects so far.
    said : what is said of them now, row by row.
    """
    columns = ("classification", "best_distance", "z")
    changed = np.logical_or.reduce([_differ(before[name], said[name]) for name in columns])
    objects, said = before.filter(pa.array(changed)), said.filter(pa.array(changed))
    wanted = objects["diaObjectId"].to_numpy()[may_be_transient(context_in(said).classification)]
    batch = _batch_of(objects, said, lightcurves.get(wanted.tolist()))
    features = context_features(objects_of(batch, objects["ebv"].to_numpy().astype(np.float64)))
    return pa.table([*objects.select(_VERSION).columns, *features.columns], [*_VERSION, *features.column_names])


_VERSION = ("diaObjectId", "alertMjdTai", "alertDiaSourceId")


def _said_of(objects: pa.Table, classifier: ClassifiesObjects) -> pa.Table:
    """Return rows of `sherlock_classifications`, one for each object."""
    places = (objects[name].to_numpy() for name in ("diaObjectId", "ra", "decl", "alertMjdTai"))
    said = classifier.classify_objects(*places)
    return pa.table([*objects.select(_VERSION).columns, *said.columns], [*_VERSION, *said.column_names])


def _batch_of(objects: pa.Table, said: pa.Table, points: pa.Table) -> Batch:
    """Return objects with their light curves as a batch of one alert each."""
    none = np.zeros(0, np.int64)
    ids, rows = objects["diaObjectId"].to_numpy(), pa.array(np.arange(objects.num_rows, dtype=np.int32))
    tables = {"diaObject": objects, CLASSIFICATIONS: said.drop_columns("diaObjectId")}
    tables = {name: table.add_column(0, "alert", rows) for name, table in tables.items()}
    for record, is_forced in _SOURCES.items():
        of_kind = points.filter(pc.equal(points["isForced"], is_forced)).rename_columns({"sourceId": f"{record}Id"})
        alert = np.searchsorted(ids, of_kind["diaObjectId"].to_numpy()).astype(np.int32)
        tables[record] = of_kind.add_column(0, "alert", pa.array(alert))
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    return Batch(messages=messages, alerts=pa.table({"midpointMjdTai": objects["alertMjdTai"]}), tables=tables, cutouts={}, rejects=[])


def _differ(before: pa.ChunkedArray, now: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return where values differ, shape (n,); NULL is a value."""
    same = pc.fill_null(pc.equal(before, now), False)
    both_null = pc.and_(pc.is_null(before), pc.is_null(now))
    return np.asarray(pc.invert(pc.or_(same, both_null)).to_numpy())
