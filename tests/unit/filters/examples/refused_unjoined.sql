-- selected
objects.diaObjectId
-- tables
objects
-- conditions
sherlock_classifications.classification = 'SN'
-- expected
conditions, line 1, column 1: no table `sherlock_classifications` is joined
  sherlock_classifications.classification = 'SN'
  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Add `sherlock_classifications` to the tables. Joined are `objects`.
