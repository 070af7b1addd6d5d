-- selected
TRIM(LEADING 'AT ' FROM crossmatch_tns.tns_name) AS n, substring_index(disc_int_name, ',', 1) AS first
-- tables
crossmatch_tns
-- conditions
TRIM(BOTH FROM crossmatch_tns.tns_prefix) = 'SN'
-- expected
SELECT regexp_replace("crossmatch_tns"."tns_name", '^(?:AT )+', '', 'g') AS "n", array_to_string((string_to_array("crossmatch_tns"."disc_int_name", ','))[1:1], ',') AS "first" FROM "objects" AS "objects" JOIN "crossmatch_tns" AS "crossmatch_tns" ON "crossmatch_tns"."tns_name" = "objects"."tns_name" WHERE (((lower(regexp_replace("crossmatch_tns"."tns_prefix", '^(?: )+|(?: )+$', '', 'g') COLLATE "C") COLLATE "C") = CAST('sn' AS text)))
