-- statement
SELECT o.diaObjectId, s.z, t.type
FROM objects AS o
INNER JOIN sherlock_classifications AS s ON o.diaObjectId = s.diaObjectId
JOIN crossmatch_tns t ON t.tns_name = o.tns_name
JOIN alert USING (diaObjectId), watchlist:7
WHERE s.z > 0.1 OR alert.snr > 10
ORDER BY s.z DESC LIMIT 5 OFFSET 10;
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "sherlock_classifications"."z" AS "z", "crossmatch_tns"."type" AS "type" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid" JOIN "crossmatch_tns" AS "crossmatch_tns" ON "crossmatch_tns"."tns_name" = "objects"."tns_name" JOIN "diasources" AS "alert" ON "alert"."diasourceid" = "objects"."alertdiasourceid" JOIN "watchlist_hits" AS "watchlist_hits" ON "watchlist_hits"."diaobjectid" = "objects"."diaobjectid" AND "watchlist_hits"."wl_id" = CAST('7' AS bigint) WHERE (((CAST("sherlock_classifications"."z" AS double precision) > CAST('0.1' AS double precision)) OR (CAST("alert"."snr" AS double precision) > CAST('10.0' AS double precision)))) ORDER BY CAST("sherlock_classifications"."z" AS double precision) DESC NULLS LAST LIMIT 5 OFFSET 10
