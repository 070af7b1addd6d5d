-- selected
objects.diaObjectId, latest_psfFlux
-- tables
objects
-- conditions
ORDER BY latest_psfFlux DESC LIMIT 100
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "objects"."latest_psfflux" AS "latest_psfFlux" FROM "objects" AS "objects" ORDER BY CAST("objects"."latest_psfflux" AS double precision) DESC NULLS LAST LIMIT 100
