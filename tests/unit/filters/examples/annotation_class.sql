-- selected
objects.diaObjectId, fastfinder.classification AS said, fastfinder.url
-- tables
objects, annotator:fastfinder
-- conditions
fastfinder.classification = "kilonova"
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "fastfinder"."classification" AS "said", "fastfinder"."url" AS "url" FROM "objects" AS "objects" JOIN "annotations" AS "fastfinder" ON "fastfinder"."diaobjectid" = "objects"."diaobjectid" AND "fastfinder"."topic" = 'fastfinder' WHERE (((lower("fastfinder"."classification" COLLATE "C") COLLATE "C") = CAST('kilonova' AS text)))
