-- selected
o.diaObjectId
-- tables
objects o, objects p
-- conditions
o.ra > p.ra
-- expected
tables, line 1, column 12: `objects` is joined with itself
  objects o, objects p
             ^^^^^^^^^
An alert has its rows in each table once.
