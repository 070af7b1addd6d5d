-- selected
objects_ext.diaObjectId, objects_ext.g_psfFluxSigma
-- tables
objects_ext
-- conditions
objects_ext.g_psfFluxNdata > 10 AND g_psfFluxMaxSlope > 0
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "objects"."g_psffluxsigma" AS "g_psfFluxSigma" FROM "objects" AS "objects" WHERE (((CAST("objects"."g_psffluxndata" AS bigint) > CAST('10' AS bigint)) AND (CAST("objects"."g_psffluxmaxslope" AS double precision) > CAST('0.0' AS double precision))))
