-- selected
ss_objects_latest.designation, e, q
-- tables
ss_objects_latest, mpc_orbits
-- conditions
mpc_orbits.e > 0.9 AND mpc_orbits.q < 1.3
-- expected
SELECT "ss_objects_latest"."designation" AS "designation", "mpc_orbits"."e" AS "e", "mpc_orbits"."q" AS "q" FROM "ss_objects_latest" AS "ss_objects_latest" JOIN "mpc_orbits" AS "mpc_orbits" ON "mpc_orbits"."designation" = "ss_objects_latest"."designation" WHERE (((CAST("mpc_orbits"."e" AS double precision) > CAST('0.9' AS double precision)) AND (CAST("mpc_orbits"."q" AS double precision) < CAST('1.3' AS double precision))))
