-- selected
objects.diaObjectId, z, IF(z IS NULL, 'unknown', 'known') AS distance_is
-- tables
objects, sherlock_classifications
-- conditions
(sherlock_classifications.classification = 'NT' OR separationArcsec < 0.5) AND NOT association_type LIKE '%VS%'
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "sherlock_classifications"."z" AS "z", (CASE WHEN (CAST("sherlock_classifications"."z" AS double precision) IS NULL) THEN CAST('unknown' AS text) ELSE CAST('known' AS text) END) AS "distance_is" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid" WHERE (((((lower("sherlock_classifications"."classification" COLLATE "C") COLLATE "C") = CAST('nt' AS text)) OR (CAST("sherlock_classifications"."separationarcsec" AS double precision) < CAST('0.5' AS double precision))) AND (NOT ((lower("sherlock_classifications"."association_type" COLLATE "C") COLLATE "C") LIKE '%vs%' ESCAPE '\'))))
