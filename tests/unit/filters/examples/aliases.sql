-- selected
o.diaObjectId, s.classification
-- tables
objects AS o, sherlock_classifications s
-- conditions
o.diaObjectId = s.diaObjectId AND s.z < 0.1 AND o.nDiaSources > 3
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "sherlock_classifications"."classification" AS "classification" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid" WHERE (((CAST("objects"."diaobjectid" AS bigint) = CAST("sherlock_classifications"."diaobjectid" AS bigint)) AND (CAST("sherlock_classifications"."z" AS double precision) < CAST('0.1' AS double precision)) AND (CAST("objects"."ndiasources" AS bigint) > CAST('3' AS bigint))))
