-- selected
objects.diaObjectId
-- tables
objects
-- conditions
objects.ra > 5;
-- expected
conditions, line 1, column 15: a filter is one statement, without `;`
  objects.ra > 5;
                ^
Remove what follows, and the `;` itself.
