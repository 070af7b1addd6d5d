-- selected
objects.diaObjectId, JSON_EXTRACT(fastfinder.classdict, '$.fits.peak') AS peak
-- tables
objects, annotator:fastfinder
-- conditions
JSON_EXTRACT(fastfinder.classdict, '$.fits.peak') < -19
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", (CASE WHEN left((CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']), 1) NOT IN ('[', '{') THEN (CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']) END) AS "peak" FROM "objects" AS "objects" JOIN "annotations" AS "fastfinder" ON "fastfinder"."diaobjectid" = "objects"."diaobjectid" AND "fastfinder"."topic" = 'fastfinder' WHERE (((CASE WHEN ((CASE WHEN left((CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']), 1) NOT IN ('[', '{') THEN (CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']) END)) ~ '^[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?$' THEN CAST((CASE WHEN left((CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']), 1) NOT IN ('[', '{') THEN (CAST("fastfinder"."classdict" AS jsonb) #>> ARRAY['fits', 'peak']) END) AS double precision) END) < CAST('-19.0' AS double precision)))
