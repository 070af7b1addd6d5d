"""Importing a catalogue from its published files: read and sorted piece by piece, so that work that was killed goes on where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from ...errors import UpstreamError, UserError
from ...locks import file_lock
from ._build import Division, Origin, build_catalogue
from ._columns import SOURCE_COLUMNS
from ._manifest import Manifest
from ._mapping import BAD, columns_for, map_rows
from ._profile import Profile, load_profile
from ._read import CHUNK_ROWS, Chunk, read_file
from ._register import WORK, register
from ._rows import complete
from ._runs import RUN_ROWS, metadata_of, write_run

REJECTED = "rejected.csv"
"""File of a catalogue, of rows that are not in it: file, number of the row, why, and what it says."""

_JOB, _READ = "job.json", "read.json"
"""Files of the work: what is to be done, and that all has been read."""

OnProgress = Callable[[str, int, int | None], None]
"""Called with what is being done, the rows done, and the rows in all (None: not known)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Rows that are read at a time, and that are sorted at a time; and how the catalogue is divided."""

    chunk_rows: int = CHUNK_ROWS
    run_rows: int = RUN_ROWS
    division: Division = field(default_factory=Division)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did: the catalogue's folder and record, whether it went on with work that was killed, and inputs that no file had."""

    folder: Path
    manifest: Manifest
    resumed: bool
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is to be done, the folder of the work, and positions by name where they come from elsewhere: columns name, RA and DEC."""

    name: str
    work: Path
    files: Sequence[Path]
    profile: Profile
    positions: pl.DataFrame | None
    sizes: Sizes
    on_progress: OnProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Rows of a chunk in the common record, those that cannot be used, and the place after it: the file's number, and its chunks so far."""

    rows: pa.Table
    bad: pl.DataFrame
    file: int
    chunk: int


def import_catalogue(
    shelf: Path,
    name: str,
    files: Sequence[Path],
    profile: Profile,
    *,
    positions: Path | None = None,
    replace: bool = False,
    sizes: Sizes | None = None,
    on_progress: OnProgress = lambda _what, _done, _total: None,
) -> Imported:
    """Make a catalogue of published files, in as much memory as `sizes` say, whatever the files' size.

    Nothing has the catalogue's name before it is whole. What was done before a process was killed is not done again,
    as long as files, profile and sizes are the same.

    Parameters
    ----------
    shelf : folder of the catalogues.
    name : of the catalogue.
    positions : a list of NED with names and positions, for catalogues that have only names.
    replace : a catalogue of the name that is there already, at the end.
    on_progress : is told how far it is.

    Raises
    ------
    UserError
        If a file cannot be read or has no usable row, the name is taken, or somebody else is importing it.
    UpstreamError
        If the disk does not take it; run it again then.
    """
    sizes = sizes or Sizes()
    target = shelf / name
    if target.exists() and not replace:
        raise UserError(
            f"there is a catalogue {name} in {shelf} already; replace it (--replace), take it away (splanc catalogue remove {name}), or give another --name"
        )
    lost = [str(path) for path in files if not path.is_file()]
    if lost or not files:
        raise UserError(f"no file {', '.join(lost)}" if lost else "no file to import")
    try:
        with _work_on(shelf, name) as work:
            resumed = _begin(work, files, profile, positions, sizes)
            job = _Job(name=name, work=work, files=files, profile=profile, positions=_positions(positions), sizes=sizes, on_progress=on_progress)
            if not (work / _READ).exists():
                _read_all(job)
            read = json.loads((work / _READ).read_text("utf-8"))
            manifest = _build(job, Origin(sources=tuple(map(str, files)), rejected=read["rejected"]))
            register(work / "catalogue", target)
    except OSError as error:
        raise UpstreamError(f"cannot import {name} into {shelf}: {error}; make room there, and run it again") from error
    return Imported(folder=target, manifest=manifest, resumed=resumed, unknown=tuple(read["unknown"]))


@contextmanager
def _work_on(shelf: Path, name: str) -> Iterator[Path]:
    """Give the folder of the work, which nobody else has then; it goes when the work is done."""
    work = shelf / WORK / name
    work.mkdir(parents=True, exist_ok=True)
    with file_lock(shelf / WORK / f"{name}.lock", wait=False) as is_mine:
        if not is_mine:
            raise UserError(f"somebody else is importing {name} into {shelf} right now; wait, or end that process")
        work.mkdir(exist_ok=True)
        yield work
        shutil.rmtree(work)


def _begin(work: Path, files: Sequence[Path], profile: Profile, positions: Path | None, sizes: Sizes) -> bool:
    """Return whether there is work to go on with; what is of another job is thrown away."""
    sources = [[str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns] for path in (*files, *([positions] if positions else []))]
    job = json.dumps({"sources": sources, "profile": profile.document, "sizes": asdict(sizes), "boot": _boot()}, sort_keys=True)
    told = work / _JOB
    if told.exists() and told.read_text("utf-8") == job:
        return bool(_runs(work))
    for path in work.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in ("runs", "bad"):
        (work / folder).mkdir()
    _write_whole(told, job)
    return False


def _runs(work: Path) -> list[Path]:
    return sorted((work / "runs").glob("run-*[0-9]"))


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _boot() -> str:
    """Return what differs after each start of the machine: what was not on the disk for certain is not trusted then."""
    told = Path("/proc/sys/kernel/random/boot_id")
    return told.read_text("ascii").strip() if told.exists() else ""


def _positions(path: Path | None) -> pl.DataFrame | None:
    """Return names and positions of a NED list: columns name, RA and DEC."""
    if path is None:
        return None
    profile = load_profile("ned")
    lists = [pl.DataFrame(pl.from_arrow(map_rows(chunk.rows, profile).rows.select(["id", "ra", "dec"]))) for chunk in read_file(path, profile)]
    return pl.concat(lists).unique("id", keep="first", maintain_order=True).rename({"id": "name", "ra": "RA", "dec": "DEC"})


def _read_all(job: _Job) -> None:
    """Read all files into sorted runs, from where the last run ends, and note that it is done."""
    runs = _runs(job.work)
    after = metadata_of(runs[-1]) if runs else {"file": "0", "chunk": "0", "rows": "0", "bad": "0"}
    place = {key: int(value) for key, value in after.items()}
    unknown: list[str] = []
    first_bad = ""
    for number, pieces in enumerate(_gathered(_pieces(job, place, unknown), job), len(runs)):
        bad = pl.concat([piece.bad for piece in pieces])
        first_bad = first_bad or (f"{bad['file'][0]}, row {bad['row'][0]}: {bad['reason'][0]}" if len(bad) else "")
        place = {
            "file": pieces[-1].file,
            "chunk": pieces[-1].chunk,
            "rows": place["rows"] + sum(piece.rows.num_rows for piece in pieces),
            "bad": place["bad"] + len(bad),
        }
        _write_whole(job.work / "bad" / f"{number:06d}.csv", bad.write_csv())
        rows = _one_row_for_each(pieces) if job.profile.one_row_for_each else pa.concat_tables([piece.rows for piece in pieces])
        write_run(job.work / "runs" / f"run-{number:06d}", rows, {key: str(value) for key, value in place.items()})
        job.on_progress("reading", place["rows"], None)
    if not place["rows"]:
        raise UserError(f"none of the {place['bad']:,} rows can be used; the first: {first_bad}" if first_bad else "the files have no rows")
    _write_whole(job.work / _READ, json.dumps({"rejected": place["bad"], "unknown": unknown}))


def _pieces(job: _Job, after: dict[str, int], unknown: list[str]) -> Iterator[_Piece]:
    """Yield what is read after a place, and note which inputs the first file lacks."""
    for number, path in enumerate(job.files):
        if number < after["file"]:
            continue
        for count, chunk in enumerate(read_file(path, job.profile, job.sizes.chunk_rows), 1):
            raw = _placed(chunk, job.profile, job.positions)
            if not unknown:
                found = columns_for(job.profile, raw.column_names)
                unknown += [one.names[0] for one in job.profile.inputs.values() if one.name not in found]
            if number == after["file"] and count <= after["chunk"]:
                continue
            mapped = map_rows(raw, job.profile)
            lines = pl.DataFrame(chunk.bad, schema=BAD, orient="row")
            bad = pl.concat([mapped.bad, lines]).sort("row").select(pl.lit(str(path)).alias("file"), *BAD)
            yield _Piece(rows=mapped.rows, bad=bad, file=number, chunk=count)


def _placed(chunk: Chunk, profile: Profile, positions: pl.DataFrame | None) -> pa.Table:
    """Return a chunk's rows, with positions by name where they come from elsewhere.

    Raises
    ------
    UserError
        If they should, and are not given.
    """
    if not profile.positions or "ra" in columns_for(profile, chunk.rows.column_names):
        return chunk.rows
    if positions is None:
        raise UserError(f"{profile.title} has names, no positions: give a list of NED with the positions of these names (--positions)")
    frame = pl.DataFrame(pl.from_arrow(chunk.rows))
    return frame.join(positions, left_on=profile.positions, right_on="name", how="left", maintain_order="left").to_arrow()


def _gathered(pieces: Iterator[_Piece], job: _Job) -> Iterator[list[_Piece]]:
    """Yield pieces enough for a run; all of them where rows of the same name become one."""
    waiting: list[_Piece] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(one.rows.num_rows for one in waiting) >= job.sizes.run_rows and not job.profile.one_row_for_each:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _one_row_for_each(pieces: Sequence[_Piece]) -> pa.Table:
    """Return the first row of each name, with the median of the distances of all."""
    rows = pl.DataFrame(pl.from_arrow(pa.concat_tables([piece.rows for piece in pieces])))
    others = [name for name in rows.columns if name not in {"id", "distance_mpc"}]
    one = rows.group_by("id", maintain_order=True).agg(*(pl.col(name).first() for name in others), pl.col("distance_mpc").median())
    table: pa.Table = one.drop("_healpix_29").to_arrow()
    return complete(table.cast(pa.schema([SOURCE_COLUMNS.field(name) for name in table.column_names])))


def _build(job: _Job, origin: Origin) -> Manifest:
    runs = _runs(job.work)
    total = int(metadata_of(runs[-1])["rows"])
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        job.on_progress("writing", done, total)

    catalogue = job.work / "catalogue"
    catalogue.mkdir(exist_ok=True)
    if origin.rejected:
        bad = [pl.read_csv(path, schema={"file": pl.String, **BAD}) for path in sorted((job.work / "bad").glob("*.csv"))]
        pl.concat(bad).write_csv(catalogue / REJECTED)
    return build_catalogue(catalogue, job.name, runs, job.profile, division=job.sizes.division, origin=origin, on_rows=count)
