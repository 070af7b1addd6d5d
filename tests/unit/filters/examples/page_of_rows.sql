-- selected
objects.diaObjectId, mjdnow()-objects.lastDiaSourceMjdTai AS since
-- tables
objects
-- conditions
objects.g_psfFlux > 200000 ORDER BY since LIMIT 20, 10
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", (CAST('61369.00042824074' AS double precision) - CAST("objects"."lastdiasourcemjdtai" AS double precision)) AS "since" FROM "objects" AS "objects" WHERE ((CAST("objects"."g_psfflux" AS double precision) > CAST('200000.0' AS double precision))) ORDER BY (CAST('61369.00042824074' AS double precision) - CAST("objects"."lastdiasourcemjdtai" AS double precision)) ASC NULLS FIRST LIMIT 10 OFFSET 20
