-- selected
objects.diaObjectId, watchlist_hits.arcsec, watchlist_hits.name
-- tables
objects, watchlist:139
-- conditions
jump1 > 5 AND nDiaSources > 10
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "watchlist_hits"."arcsec" AS "arcsec", "watchlist_hits"."name" AS "name" FROM "objects" AS "objects" JOIN "watchlist_hits" AS "watchlist_hits" ON "watchlist_hits"."diaobjectid" = "objects"."diaobjectid" AND "watchlist_hits"."wl_id" = CAST('139' AS bigint) WHERE (((CAST("objects"."jump1" AS double precision) > CAST('5.0' AS double precision)) AND (CAST("objects"."ndiasources" AS bigint) > CAST('10' AS bigint))))
