-- selected
objects.diaObjectId
-- tables
area:3&4
-- conditions
objects.nDiaSources >= 3
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId" FROM "objects" AS "objects" JOIN "area_hits" AS "ar0" ON "ar0"."diaobjectid" = "objects"."diaobjectid" AND "ar0"."ar_id" = CAST('3' AS bigint) JOIN "area_hits" AS "ar1" ON "ar1"."diaobjectid" = "objects"."diaobjectid" AND "ar1"."ar_id" = CAST('4' AS bigint) WHERE ((CAST("objects"."ndiasources" AS bigint) >= CAST('3' AS bigint)))
