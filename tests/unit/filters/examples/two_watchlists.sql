-- selected
objects.diaObjectId
-- tables
watchlist:7 AS near, watchlist:8 far
-- conditions
near.arcsec < Far.arcsec
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId" FROM "objects" AS "objects" JOIN "watchlist_hits" AS "near" ON "near"."diaobjectid" = "objects"."diaobjectid" AND "near"."wl_id" = CAST('7' AS bigint) JOIN "watchlist_hits" AS "far" ON "far"."diaobjectid" = "objects"."diaobjectid" AND "far"."wl_id" = CAST('8' AS bigint) WHERE ((CAST("near"."arcsec" AS double precision) < CAST("far"."arcsec" AS double precision)))
