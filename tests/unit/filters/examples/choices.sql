-- selected
IF(g_psfFlux > r_psfFlux, 'blue', 'red') AS colour
-- tables
objects
-- conditions
GREATEST(g_psfFlux, r_psfFlux) > 1000 AND LOG10(g_psfFlux) - LOG10(r_psfFlux) > 0.2 AND NOT (ebv > 1)
-- expected
SELECT (CASE WHEN (CAST("objects"."g_psfflux" AS double precision) > CAST("objects"."r_psfflux" AS double precision)) THEN CAST('blue' AS text) ELSE CAST('red' AS text) END) AS "colour" FROM "objects" AS "objects" WHERE ((((CASE WHEN CAST("objects"."g_psfflux" AS double precision) IS NOT NULL AND CAST("objects"."r_psfflux" AS double precision) IS NOT NULL THEN greatest(CAST("objects"."g_psfflux" AS double precision), CAST("objects"."r_psfflux" AS double precision)) END) > CAST('1000.0' AS double precision)) AND (((CASE WHEN CAST("objects"."g_psfflux" AS double precision) > 0 THEN log(CAST("objects"."g_psfflux" AS double precision)) END) - (CASE WHEN CAST("objects"."r_psfflux" AS double precision) > 0 THEN log(CAST("objects"."r_psfflux" AS double precision)) END)) > CAST('0.2' AS double precision)) AND (NOT (CAST("objects"."ebv" AS double precision) > CAST('1.0' AS double precision)))))
