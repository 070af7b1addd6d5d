-- selected
objects.diaObjectId, flux2mag(objects.r_psfFlux) AS rmag, sherlock_classifications.separationArcsec
-- tables
objects, sherlock_classifications
-- conditions
sherlock_classifications.classification = 'SN' AND flux2mag(objects.r_psfFlux) BETWEEN 15 AND 19.5
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", (CASE WHEN CAST("objects"."r_psfflux" AS double precision) > 0 THEN (CAST('31.4' AS double precision) - CAST('2.5' AS double precision) * log(CAST("objects"."r_psfflux" AS double precision))) END) AS "rmag", "sherlock_classifications"."separationarcsec" AS "separationArcsec" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid" WHERE ((((lower("sherlock_classifications"."classification" COLLATE "C") COLLATE "C") = CAST('sn' AS text)) AND ((CASE WHEN CAST("objects"."r_psfflux" AS double precision) > 0 THEN (CAST('31.4' AS double precision) - CAST('2.5' AS double precision) * log(CAST("objects"."r_psfflux" AS double precision))) END) >= CAST('15.0' AS double precision)) AND ((CASE WHEN CAST("objects"."r_psfflux" AS double precision) > 0 THEN (CAST('31.4' AS double precision) - CAST('2.5' AS double precision) * log(CAST("objects"."r_psfflux" AS double precision))) END) <= CAST('19.5' AS double precision))))
