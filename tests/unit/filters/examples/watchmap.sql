-- selected
objects.diaObjectId, objects.ra, objects.decl
-- tables
objects, area:3
-- conditions
objects.nDiaSources >= 3 OR objects.glat > 20
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "objects"."ra" AS "ra", "objects"."decl" AS "decl" FROM "objects" AS "objects" JOIN "area_hits" AS "area_hits" ON "area_hits"."diaobjectid" = "objects"."diaobjectid" AND "area_hits"."ar_id" = CAST('3' AS bigint) WHERE (((CAST("objects"."ndiasources" AS bigint) >= CAST('3' AS bigint)) OR (CAST("objects"."glat" AS double precision) > CAST('20.0' AS double precision))))
