"""The common record of a catalogue's rows, whatever they were published as."""

from __future__ import annotations

import pyarrow as pa

from ...features import column

SOURCE_COLUMNS = pa.schema(
    [
        column("_healpix_29", pa.int64(), "", "Order-29 NESTED HEALPix cell of the position; rows are in this order."),
        column("id", pa.string(), "", "The source's name in the catalogue."),
        column("ra", pa.float64(), "deg", "Right ascension, ICRS, at `epoch`."),
        column("dec", pa.float64(), "deg", "Declination, ICRS, at `epoch`."),
        column("epoch", pa.float32(), "yr", "Julian year of the position; NULL where no motion is known."),
        column("pmra", pa.float32(), "mas/yr", "Proper motion in right ascension, times the cosine of the declination; NULL: unknown."),
        column("pmdec", pa.float32(), "mas/yr", "Proper motion in declination."),
        column("kind", pa.string(), "", "star, galaxy, agn, cv, variable or unknown: what the profile makes of the catalogue's type."),
        column("type", pa.string(), "", "What the source is, as the catalogue says."),
        column("mag", pa.float32(), "mag", "Magnitude, the first of the profile's list that the row has."),
        column("mag_err", pa.float32(), "mag", "Its error."),
        column("mag_filter", pa.string(), "", "Its filter."),
        column("z", pa.float64(), "", "Spectroscopic redshift."),
        column("photo_z", pa.float32(), "", "Photometric redshift."),
        column("photo_z_err", pa.float32(), "", "Its error."),
        column("distance_mpc", pa.float64(), "Mpc", "Distance measured without a redshift."),
        column("semi_major_arcsec", pa.float32(), "arcsec", "Semi-major axis; NULL for points."),
        column("axis_ratio", pa.float32(), "", "Minor by major axis, 0 to 1; NULL: round."),
        column("position_angle_deg", pa.float32(), "deg", "Position angle of the major axis, north through east."),
    ]
)
"""A catalogue's rows as the classifier reads them; all but the index, name and position may be NULL."""
