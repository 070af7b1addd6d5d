"""The classifier for people: a few addresses that answer in JSON, beside Arrow Flight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import generate_latest

from ... import __version__
from ...errors import UpstreamError, UserError
from ...metrics import Metrics
from ...night import mjd_now
from ._cached import CachedClassifier
from ._shapes import QUERY_NAME, as_json
from ._wire import Health

Place = tuple[float, float, float]
"""Right ascension and declination, ICRS, degrees; when it is there, MJD (TAI), days."""

Time = Annotated[float | None, Query(description="When it is seen there, MJD (TAI), days: stars are looked for where they are then. Now, unless given.")]

Lite = Annotated[bool, Query(description="Only the best match of each position.")]

PlacesOf = Callable[[Sequence[str]], Mapping[str, Place]]
"""Gives where and when objects were seen last, by their names; those that it does not know are left out.

Raises
------
UserError
    If a name cannot be one, or names cannot be looked up here.
"""

MOST_POSITIONS = 1000
"""Positions that one request may ask about; more are for Arrow Flight, or for `splanc classify --file`."""


def http_app(classifier: CachedClassifier, health: Health, metrics: Metrics, places_of: PlacesOf) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    classifier : what answers.
    health : what `/health` says.
    metrics : what `/metrics` shows.
    places_of : where objects were seen last.
    """
    app = FastAPI(title="splanc: the classifier", version=__version__, docs_url=None, redoc_url=None)  # their pages load scripts from elsewhere

    @app.get("/health")
    def health_() -> dict[str, Any]:
        """Say that the server is there, and which version it answers with."""
        return health.to_json()

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics_() -> bytes:
        """Show the metrics to Prometheus."""
        return generate_latest(metrics.registry)

    @app.get("/position")
    def position(*, ra: float, dec: float, mjd: Time = None, lite: Lite = True) -> dict[str, Any]:
        """Say what is near a position: ICRS, degrees."""
        return _answer(classifier, {QUERY_NAME: _checked(QUERY_NAME, ra, dec, mjd)}, lite=lite)

    @app.get("/object/{names}")
    def object_(*, names: str, lite: Lite = True) -> dict[str, Any]:
        """Say what is near objects, by their names, separated by commas."""
        wanted = _listed("names", names)
        places = places_of(wanted)
        unknown = [name for name in wanted if name not in places]
        if unknown:
            raise _UnknownObject(f"no object {', '.join(unknown)}")
        return _answer(classifier, {name: places[name] for name in wanted}, lite=lite)

    @app.get("/query")
    def query(*, name: str, ra: str, dec: str, mjd: Time = None, lite: Lite = True) -> dict[str, Any]:
        """Say what is near positions that have names: three lists, separated by commas, as long as each other."""
        return _answer(classifier, _named(name, ra, dec, mjd), lite=lite)

    app.add_exception_handler(RequestValidationError, _refuse_parameters)
    app.add_exception_handler(UserError, _refuse)
    app.add_exception_handler(UpstreamError, _regret)
    return app


class _UnknownObject(UserError):
    """The archive has no such object."""


def _answer(classifier: CachedClassifier, places: Mapping[str, Place], *, lite: bool) -> dict[str, Any]:
    ra_deg, dec_deg, mjd_tai = np.array(list(places.values())).T
    return as_json(list(places), classifier.classify(ra_deg, dec_deg, mjd_tai, matches=True), lite=lite)


def _named(name: str, ra: str, dec: str, mjd: float | None) -> dict[str, Place]:
    names, ras, decs = _listed("name", name), _listed("ra", ra), _listed("dec", dec)
    if not len(names) == len(ras) == len(decs):
        raise UserError(f"name, ra and dec must be as long as each other; they have {len(names)}, {len(ras)} and {len(decs)}")
    if len(set(names)) < len(names):
        raise UserError(f"name: {next(one for one in names if names.count(one) > 1)!r} stands there twice; an answer is found by its name")
    return {one: _checked(one, _number("ra", ra), _number("dec", dec), mjd) for one, ra, dec in zip(names, ras, decs, strict=True)}


def _listed(parameter: str, text: str) -> list[str]:
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        raise UserError(f"{parameter}: an empty value in {text!r}; values are separated by one comma")
    if len(values) > MOST_POSITIONS:
        raise UserError(f"{parameter}: {len(values)} values; one request asks about {MOST_POSITIONS} at most")
    return values


def _number(parameter: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"{parameter}: {text!r} is no number of degrees") from error


def _checked(name: str, ra: float, dec: float, mjd: float | None) -> Place:
    if not (0.0 <= ra <= 360.0 and abs(dec) <= 90.0):
        raise UserError(f"{name}: ra {ra:g}, dec {dec:g} is not on the sky; ra is from 0 to 360, dec from -90 to 90 degrees")
    return ra, dec, mjd_now() if mjd is None else mjd


def _refuse_parameters(_request: Request, error: Exception) -> JSONResponse:
    """Answer that parameters are missing or malformed, each with what is wrong with it."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"error": "; ".join(map(_wrong, error.errors()))}, status_code=400)


def _wrong(error: Mapping[str, Any]) -> str:
    name = error["loc"][-1]
    return f"{name} is missing" if error["type"] == "missing" else f"{name}: {error['msg'].lower()}, given {error['input']!r}"


def _refuse(_request: Request, error: Exception) -> JSONResponse:
    """Answer that a request cannot be carried out as given."""
    return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, _UnknownObject) else 400)


def _regret(_request: Request, error: Exception) -> JSONResponse:
    """Answer that something the server relies on failed."""
    return JSONResponse({"error": str(error)}, status_code=503)
