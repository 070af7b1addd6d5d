-- statement
SELECT o.diaObjectId FROM objects o JOIN sherlock_classifications s ON o.diaObjectId = s.diaObjectId AND s.z > 0.1
-- expected
statement, line 1, column 72: filters do not join these tables so
  aObjectId FROM objects o JOIN sherlock_classifications s ON o.diaObjectId = s.diaObjectId AND s.z > 
                                                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Write `ON o.diaObjectId = s.diaObjectId`; other conditions stand after WHERE.
