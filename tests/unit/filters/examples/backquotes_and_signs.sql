-- selected
`objects`.`diaObjectId`
-- tables
`objects`
-- conditions
!(`objects`.`ra` < 5 || objects.decl != 3) && nDiaSources <> 4
-- expected
SELECT "objects"."diaobjectid" AS "diaObjectId" FROM "objects" AS "objects" WHERE (((NOT ((CAST("objects"."ra" AS double precision) < CAST('5.0' AS double precision)) OR (CAST("objects"."decl" AS double precision) <> CAST('3.0' AS double precision)))) AND (CAST("objects"."ndiasources" AS bigint) <> CAST('4' AS bigint))))
