-- statement
SELECT s.classification FROM sherlock_classifications s JOIN objects o ON s.diaObjectId = o.diaObjectId
-- expected
SELECT "sherlock_classifications"."classification" AS "classification" FROM "objects" AS "objects" JOIN "sherlock_classifications" AS "sherlock_classifications" ON "sherlock_classifications"."diaobjectid" = "objects"."diaobjectid"
