"""What the classifier says of a position: the columns of `sherlock_classifications`."""

from __future__ import annotations

import pyarrow as pa

from ..features import CLASSIFICATIONS, UNCLASSIFIED, column

__all__ = ["CLASSIFICATIONS", "CLASSIFICATION_COLUMNS", "UNCLASSIFIED"]

_STRING, _DOUBLE, _INT = pa.string(), pa.float64(), pa.int32()

CLASSIFICATION_COLUMNS = pa.schema(
    [
        column("classification", _STRING, "", "Class: VS, CV, BS, AGN, NT, SN, HPMS, ORPHAN, UNCLEAR or UNCLASSIFIED."),
        column("association_type", _STRING, "", "The same, as Lasair names this column of a match."),
        column("catalogue_table_name", _STRING, "", "Catalogues that have the source, the one that names it first, joined by a slash."),
        column("catalogue_object_id", _STRING, "", "The source's name in the first of them."),
        column("catalogue_object_type", _STRING, "", "What the source is, as that catalogue says."),
        column("raDeg", _DOUBLE, "deg", "Right ascension of the source, ICRS, at the alert's time where its motion is known."),
        column("decDeg", _DOUBLE, "deg", "Declination of the source."),
        column("separationArcsec", _DOUBLE, "arcsec", "Distance of the object from the source."),
        column("northSeparationArcsec", _DOUBLE, "arcsec", "How far north of the source the object is."),
        column("eastSeparationArcsec", _DOUBLE, "arcsec", "How far east of the source the object is."),
        column("physical_separation_kpc", _DOUBLE, "kpc", "The same distance at the source's distance."),
        column("direct_distance", _DOUBLE, "Mpc", "Distance of the source that was measured without a redshift."),
        column("distance", _DOUBLE, "Mpc", "Copy of `best_distance`, the older name."),
        column("best_distance", _DOUBLE, "Mpc", "Luminosity distance: measured directly, else by spectroscopic redshift, else by photometric redshift."),
        column("best_distance_flag", _STRING, "", "Which of them it is: dd (measured directly), sz (spectroscopic redshift) or pz (photometric redshift)."),
        column("best_distance_source", _STRING, "", "Catalogue that it is from."),
        column("z", _DOUBLE, "", "Spectroscopic redshift of the source."),
        column("photoZ", _DOUBLE, "", "Photometric redshift of the source."),
        column("photoZErr", _DOUBLE, "", "Its error."),
        column("Mag", _DOUBLE, "mag", "Magnitude of the source."),
        column("MagFilter", _STRING, "", "Filter of that magnitude."),
        column("MagErr", _DOUBLE, "mag", "Its error."),
        column("classificationReliability", _INT, "", "1: the object is the source; 2: it belongs to it; 3: it is noted only."),
        column("major_axis_arcsec", _DOUBLE, "arcsec", "Semi-major axis of the source."),
        column("annotator", _STRING, "", "What classified: splanc and its version."),
        column("additional_output", _STRING, "", "Address of all matches of the object; NULL without a web site."),
        column("description", _STRING, "", "What is near, in one or two sentences, as HTML."),
        column("summary", _STRING, "", "The same as plain text."),
        column("explanation", _STRING, "", "Which searches were made, in order, which decided, and what was rejected, as JSON."),
        column("rules_version", _STRING, "", "Version of the rules."),
        column("catalogue_versions", _STRING, "", "Catalogues that were searched, each with its version."),
        column("software_version", _STRING, "", "Version of splanc."),
    ]
)
"""What the classifier says of one position, in Lasair's names; what it does not know is NULL."""
