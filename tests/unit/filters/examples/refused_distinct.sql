-- statement
SELECT DISTINCT objects.diaObjectId FROM objects
-- expected
statement, line 1, column 8: DISTINCT is not allowed in a filter
  SELECT DISTINCT objects.diaObjectId FROM objects
         ^^^^^^^^
A filter is SELECT … FROM … WHERE … ORDER BY … LIMIT ….
