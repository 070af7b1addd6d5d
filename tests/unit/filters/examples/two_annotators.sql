-- selected
objects.diaObjectId
-- tables
objects, annotator:fastfinder&slowfinder
-- conditions
fastfinder.classification <> slowfinder.classification
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId" FROM "objects" AS "objects" JOIN "annotations" AS "fastfinder" ON "fastfinder"."diaobjectid" = "objects"."diaobjectid" AND "fastfinder"."topic" = 'fastfinder' JOIN "annotations" AS "slowfinder" ON "slowfinder"."diaobjectid" = "objects"."diaobjectid" AND "slowfinder"."topic" = 'slowfinder' WHERE (((lower("fastfinder"."classification" COLLATE "C") COLLATE "C") <> (lower("slowfinder"."classification" COLLATE "C") COLLATE "C")))
