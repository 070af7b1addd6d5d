-- selected
objects.diaObjectId
-- tables
annotator:fast_classifier AS f, watchlist:7 w
-- conditions
f.classification = 'SN' AND JSON_EXTRACT(f.classdict, '$.score') > 0.9 AND w.arcsec < 1
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId" FROM "objects" AS "objects" JOIN "annotations" AS "fast_classifier" ON "fast_classifier"."diaobjectid" = "objects"."diaobjectid" AND "fast_classifier"."topic" = 'fast_classifier' JOIN "watchlist_hits" AS "watchlist_hits" ON "watchlist_hits"."diaobjectid" = "objects"."diaobjectid" AND "watchlist_hits"."wl_id" = CAST('7' AS bigint) WHERE ((((lower("fast_classifier"."classification" COLLATE "C") COLLATE "C") = CAST('sn' AS text)) AND ((CASE WHEN ((CASE WHEN left((CAST("fast_classifier"."classdict" AS jsonb) #>> ARRAY['score']), 1) NOT IN ('[', '{') THEN (CAST("fast_classifier"."classdict" AS jsonb) #>> ARRAY['score']) END)) ~ '^[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?$' THEN CAST((CASE WHEN left((CAST("fast_classifier"."classdict" AS jsonb) #>> ARRAY['score']), 1) NOT IN ('[', '{') THEN (CAST("fast_classifier"."classdict" AS jsonb) #>> ARRAY['score']) END) AS double precision) END) > CAST('0.9' AS double precision)) AND (CAST("watchlist_hits"."arcsec" AS double precision) < CAST('1.0' AS double precision))))
