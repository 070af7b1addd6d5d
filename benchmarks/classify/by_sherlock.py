"""Sherlock 3.1.0 on a MariaDB: a program of its own in an environment of its own, with the same catalogues and searches as ours.

It is GPL: nothing of it is imported by splanc. What its tables must be called is from its settings, its errors and the statements that it sends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ..mariadb import MariaDb, running

VERSION = "3.1.0"

BUILD = ("setuptools<70", "wheel", "numpy", "six")
"""What it needs besides, and what it says: one of its packages builds only with an old setuptools and with numpy at hand."""

RUN = Path(__file__).with_name("ask_sherlock.py")

DATABASE, USER = "crossmatch_catalogues", "sherlock"

COLUMNS = "objectId VARCHAR(80), raDeg DOUBLE, decDeg DOUBLE, magnitude FLOAT, redshift DOUBLE, semiMajor DOUBLE"
HTM = "htm07ID INT, htm10ID INT, htm13ID INT, htm16ID BIGINT"

TABLES = {"gaia_dr3": (1, "tcs_cat_gaia_dr3", 2), "openngc": (2, "tcs_cat_ned_stream", 1), "milliquas_v8": (3, "tcs_cat_milliquas_v8_0", 1)}
"""Of each catalogue: number, the table that Sherlock knows one of its kind by, and how well it knows types (1 is best)."""

VIEWS = {
    "bright stars": ("tcs_view_bright_star_gaia_dr3", "gaia_dr3", "TRUE", "star"),
    "stars": ("tcs_view_star_gaia_dr3", "gaia_dr3", "TRUE", "star"),
    "very large galaxies": ("tcs_view_super_big_galaxy_ned_stream", "openngc", "semiMajor >= 48", "galaxy"),
    "large galaxies": ("tcs_view_big_galaxy_ned_stream", "openngc", "semiMajor >= 12", "galaxy"),
    "galaxies with redshift": ("tcs_view_galaxy_ned_stream", "openngc", "TRUE", "galaxy"),
    "galaxies": ("tcs_view_galaxy_like_ned_stream", "openngc", "TRUE", "galaxy"),
    "AGN": ("tcs_view_agn_milliquas_v8_0", "milliquas_v8", "TRUE", "agn"),
}
"""Of each search: its view, the catalogue, which rows, and their type."""

SEARCHES: dict[str, dict[str, Any]] = {
    "bright stars": {"synonym radius arcsec": 3.0, "angular radius arcsec": 7.0, "synonym": "VS", "association": "BS"},
    "stars": {"angular radius arcsec": 3.0, "synonym": "VS", "association": "VS"},
    "very large galaxies": {
        "physical radius kpc": 50.0,
        "angular radius arcsec": 14000.0,
        "and within semi major axis": True,
        "synonym": "NT",
        "association": "SN",
    },
    "large galaxies": {"physical radius kpc": 50.0, "angular radius arcsec": 120.0, "and within semi major axis": True, "synonym": "NT", "association": "SN"},
    "galaxies with redshift": {"physical radius kpc": 50.0, "angular radius arcsec": 30.0, "synonym": "NT", "association": "SN"},
    "galaxies": {"angular radius arcsec": 10.0, "and within semi major axis": True, "synonym": "NT", "association": "SN"},
    "AGN": {"angular radius arcsec": 3.0, "synonym": "AGN", "association": "SN"},
}
"""The searches, in the words of its settings; `seven.toml` says the same."""


def environment(folder: Path) -> Path:
    """Return the Python of Sherlock's environment, which is made unless it is there."""
    python, uv = folder / "bin" / "python", str(Path(sys.executable).with_name("uv"))
    steps = (
        ["venv", "--clear", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(python), *BUILD],
        ["pip", "install", "--python", str(python), "--no-build-isolation", f"qub-sherlock=={VERSION}"],
    )
    if not (folder / "bin" / "sherlock").exists():
        # Not where splanc's pyproject.toml is, which has uv leave out what Sherlock needs.
        with tempfile.TemporaryDirectory() as elsewhere:
            for step in steps:
                subprocess.run([uv, "-q", *step], check=True, cwd=elsewhere)
    return python


def asked(catalogues: dict[str, pl.DataFrame], positions: pl.DataFrame, batches: Sequence[int], folder: Path) -> dict[int, dict[str, Any]]:
    """Return what Sherlock says of positions, and what it costs in batches of each size: `classes`, `cpu` and `wall` seconds.

    Parameters
    ----------
    catalogues : rows of each, the columns of `SOURCE_COLUMNS`.
    positions : columns ra and dec, degrees.
    folder : of Sherlock's environment.
    """
    python = environment(folder)
    with running(with_port=True) as server:
        _load(server, catalogues, python)
        places = positions.select("ra", "dec").rows()
        work = {"settings": _settings(server), "server": server.process.pid}
        _run(python, {**work, "positions": places[:100], "batch": 100})
        return {batch: _run(python, {**work, "positions": places, "batch": batch}) for batch in batches}


def _run(python: Path, work: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "work.json")
        path.write_text(json.dumps(work))
        done = subprocess.run([str(python), "-P", str(RUN), str(path)], capture_output=True, text=True, env={**os.environ, "HOME": folder}, check=False)
    if done.returncode:
        raise RuntimeError(f"Sherlock failed: {done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _settings(server: MariaDb) -> dict[str, Any]:
    catalogues = {"db": DATABASE, "host": "127.0.0.1", "port": server.port, "user": USER, "password": USER, "tunnel": False}
    return {
        "version": 1,
        "database settings": {"static catalogues": catalogues},
        "stop-search-on-synonym-match": True,
        "ned stream search radius arcec": 900,
        "first pass ned search radius arcec": 240,
        "ned stream refresh rate in days": 180,
        "galaxy radius stretch factor": 2.5,
        "synonym radius arcsec": 1.3,
        "dlr_testing": False,
        "ignore morphology list": [],
        "search algorithm": {name: {"database table": VIEWS[name][0], "general": general} for name, general in SEARCHES.items()},
    }


def _load(server: MariaDb, catalogues: dict[str, pl.DataFrame], python: Path) -> None:
    """Load the catalogues with the indexes that Sherlock searches by, its views of them, and what its columns are called."""
    with server.connection.cursor() as cursor:
        for statement in (
            f"CREATE DATABASE {DATABASE}",
            f"USE {DATABASE}",
            f"CREATE USER {USER}@localhost IDENTIFIED BY '{USER}'",
            f"GRANT ALL ON *.* TO {USER}@localhost",
        ):
            cursor.execute(statement)
        for name, (_, table, _) in TABLES.items():
            keys = ", ".join(f"KEY (htm{level}ID)" for level in ("07", "10", "13", "16"))
            cursor.execute(f"CREATE TABLE {table} (number INT AUTO_INCREMENT PRIMARY KEY, {COLUMNS}, {HTM}, {keys}) ENGINE=InnoDB")
            _fill(cursor, table, catalogues[name], python)
        for view, catalogue, condition, _ in VIEWS.values():
            cursor.execute(f"CREATE VIEW {view} AS SELECT * FROM {TABLES[catalogue][1]} WHERE {condition}")
        _describe(cursor)
    server.connection.commit()


def _fill(cursor: Any, table: str, rows: pl.DataFrame, python: Path) -> None:
    cells = pl.DataFrame(_run(python, {"htm": {"ra": rows["ra"].to_list(), "dec": rows["dec"].to_list()}}))
    columns = rows.select(objectId="id", raDeg="ra", decDeg="dec", magnitude="mag", redshift="z", semiMajor="semi_major_arcsec")
    columns = columns.hstack(cells.rename({level: f"htm{int(level):02d}ID" for level in cells.columns}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.tsv")
        columns.write_csv(path, include_header=False, separator="\t", null_value="\\N", quote_style="never")
        cursor.execute(f"LOAD DATA INFILE '{path}' INTO TABLE {table} ({', '.join(columns.columns)})")


def _describe(cursor: Any) -> None:
    """Fill the tables in which Sherlock looks up what its catalogues are called, and their columns."""
    cursor.execute(
        "CREATE TABLE tcs_helper_catalogue_tables_info (id INT PRIMARY KEY, table_name VARCHAR(80), description VARCHAR(80), object_type_accuracy INT,"
        " raColName VARCHAR(20), decColName VARCHAR(20), catalogue_object_idColName VARCHAR(20), unkMagColName VARCHAR(20), zColName VARCHAR(20),"
        " distanceColName VARCHAR(20), semiMajorColName VARCHAR(20), semiMajorToArcsec FLOAT)"
    )
    cursor.execute("CREATE TABLE tcs_helper_catalogue_views_info (view_name VARCHAR(80), table_id INT, object_type VARCHAR(20))")
    for name, (number, table, accuracy) in TABLES.items():
        row = (number, table, name, accuracy, "raDeg", "decDeg", "objectId", "magnitude")
        of_galaxies = ("semiMajor", 1.0) if name == "openngc" else (None, None)
        named = (None if name == "gaia_dr3" else "redshift", None, *of_galaxies)
        cursor.execute(f"INSERT INTO tcs_helper_catalogue_tables_info VALUES ({', '.join(['%s'] * 12)})", (*row, *named))
    for view, catalogue, _, kind in VIEWS.values():
        cursor.execute("INSERT INTO tcs_helper_catalogue_views_info VALUES (%s, %s, %s)", (view, TABLES[catalogue][0], kind))
