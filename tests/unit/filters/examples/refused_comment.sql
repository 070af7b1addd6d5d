-- selected
objects.diaObjectId
-- tables
objects
-- conditions
objects.nDiaSources > 3 # enough of them
AND objects.ra > 5
-- expected
conditions, line 1, column 25: comments are not allowed, and `#` begins one
  objects.nDiaSources > 3 # enough of them
                          ^
Write the filter's description instead.
