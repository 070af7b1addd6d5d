-- selected
objects.diaObjectId, objects.absMag, sherlock_classifications.classification AS class
-- tables
objects, sherlock_classifications, watchlist:321
-- conditions
mjdnow() - lastDiaSourceMjdTai < 7 AND mjdnow() - firstDiaSourceMjdTai < 30
AND BBBRiseRate > 0.2 AND latestPairColourTemp > 10 AND penultimatePairColourTemp > 10
AND sherlock_classifications.classification IN ('SN', 'NT') AND absMag < -19
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "objects"."absmag" AS "absMag", "sherlock_classifications"."classification" AS "class" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid" JOIN "watchlist_hits" AS "watchlist_hits" ON "watchlist_hits"."diaobjectid" = "objects"."diaobjectid" AND "watchlist_hits"."wl_id" = CAST('321' AS bigint) WHERE ((((CAST('61369.00042824074' AS double precision) - CAST("objects"."lastdiasourcemjdtai" AS double precision)) < CAST('7.0' AS double precision)) AND ((CAST('61369.00042824074' AS double precision) - CAST("objects"."firstdiasourcemjdtai" AS double precision)) < CAST('30.0' AS double precision)) AND (CAST("objects"."bbbriserate" AS double precision) > CAST('0.2' AS double precision)) AND (CAST("objects"."latestpaircolourtemp" AS double precision) > CAST('10.0' AS double precision)) AND (CAST("objects"."penultimatepaircolourtemp" AS double precision) > CAST('10.0' AS double precision)) AND ((lower("sherlock_classifications"."classification" COLLATE "C") COLLATE "C") IN (CAST('sn' AS text), CAST('nt' AS text))) AND (CAST("objects"."absmag" AS double precision) < CAST('-19.0' AS double precision))))
