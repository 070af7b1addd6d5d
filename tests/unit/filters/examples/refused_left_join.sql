-- statement
SELECT o.diaObjectId FROM objects o LEFT JOIN sherlock_classifications s ON o.diaObjectId = s.diaObjectId
-- expected
statement, line 1, column 37: LEFT is not allowed here
  SELECT o.diaObjectId FROM objects o LEFT JOIN sherlock_classifications s ON o.diaObjectId = s.diaObj
                                      ^^^^
Tables are joined by the alert they belong to: name them with commas between, or with JOIN and ON.
