-- selected
objects.diaObjectId, objects.g_psfFlux, mjdnow() - objects.lastDiaSourceMjdTai AS since
-- tables
objects
-- conditions
objects.g_psfFlux > 200000 ORDER BY since
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "objects"."g_psfflux" AS "g_psfFlux", (CAST('61369.00042824074' AS double precision) - CAST("objects"."lastdiasourcemjdtai" AS double precision)) AS "since" FROM "objects" AS "objects" WHERE ((CAST("objects"."g_psfflux" AS double precision) > CAST('200000.0' AS double precision))) ORDER BY (CAST('61369.00042824074' AS double precision) - CAST("objects"."lastdiasourcemjdtai" AS double precision)) ASC NULLS FIRST
