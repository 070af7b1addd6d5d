-- selected
objects.diaObjectId
-- tables
objects, annotator:fastfinder
-- conditions
JSON_EXTRACT(fastfinder.classdict, '$.z-fit.value') > 0.1
-- expected
conditions, line 1, column 36: `$.z-fit.value` is not a path
  JSON_EXTRACT(fastfinder.classdict, '$.z-fit.value') > 0.1
                                     ^^^^^^^^^^^^^^^
Such as '$.scores."SN Ia"[0]'; names with other signs than letters stand in quotes.
