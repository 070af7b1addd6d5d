-- selected
objects.diaObjectId, crossmatch_tns.tns_prefix, crossmatch_tns.tns_name, crossmatch_tns.type
-- tables
objects, crossmatch_tns
-- conditions
crossmatch_tns.type = "SN II"
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId", "crossmatch_tns"."tns_prefix" AS "tns_prefix", "crossmatch_tns"."tns_name" AS "tns_name", "crossmatch_tns"."type" AS "type" FROM "objects" AS "objects" JOIN "crossmatch_tns" AS "crossmatch_tns" ON "crossmatch_tns"."tns_name" = "objects"."tns_name" WHERE (((lower("crossmatch_tns"."type" COLLATE "C") COLLATE "C") = CAST('sn ii' AS text)))
