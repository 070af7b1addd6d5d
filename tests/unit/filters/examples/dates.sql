-- selected
date_format(f.timestamp, '%Y-%m-%d') AS d, week(f.timestamp, 3) AS w
-- tables
annotator:fast AS f
-- conditions
datediff(now(), f.timestamp) < 7 AND dayofweek(f.timestamp) IN (1, 7) AND f.timestamp > date_sub(now(), INTERVAL 1 QUARTER)
-- expected
SELECT to_char(("fast"."timestamp" AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS "d", ((CAST(floor(extract(doy FROM (CAST(("fast"."timestamp" AT TIME ZONE 'UTC') AS date) + CAST(3 - (CAST(floor(extract(isodow FROM ("fast"."timestamp" AT TIME ZONE 'UTC'))) AS bigint) - 1) AS integer)))) AS bigint) + 6) / 7) AS "w" FROM "objects" AS "objects" JOIN "annotations" AS "fast" ON "fast"."diaobjectid" = "objects"."diaobjectid" AND "fast"."topic" = 'fast' WHERE ((((((CAST(extract(epoch FROM timestamptz '2026-11-25 00:00:00+00:00') * 1000000 AS bigint) - ((CAST(extract(epoch FROM timestamptz '2026-11-25 00:00:00+00:00') * 1000000 AS bigint) % 86400000000 + 86400000000) % 86400000000)) / 86400000000) - ((CAST(extract(epoch FROM "fast"."timestamp") * 1000000 AS bigint) - ((CAST(extract(epoch FROM "fast"."timestamp") * 1000000 AS bigint) % 86400000000 + 86400000000) % 86400000000)) / 86400000000)) < CAST('7' AS bigint)) AND ((CAST(floor(extract(dow FROM ("fast"."timestamp" AT TIME ZONE 'UTC'))) AS bigint) + 1) IN (CAST('1' AS bigint), CAST('7' AS bigint))) AND ("fast"."timestamp" > (CASE WHEN extract(year FROM ((timestamptz '2026-11-25 00:00:00+00:00' AT TIME ZONE 'UTC') + interval '-3 month')) BETWEEN 1000 AND 9999 THEN (((timestamptz '2026-11-25 00:00:00+00:00' AT TIME ZONE 'UTC') + interval '-3 month') AT TIME ZONE 'UTC') END))))
