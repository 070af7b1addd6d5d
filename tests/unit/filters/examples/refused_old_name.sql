-- selected
objects.diaObjectId, peakExtCorrAbsMag
-- tables
objects
-- conditions
objects.nDiaSources > 3
-- expected
selected, line 1, column 22: there is no column `peakExtCorrAbsMag` in `objects`
  objects.diaObjectId, peakExtCorrAbsMag
                       ^^^^^^^^^^^^^^^^^
Did you mean `BBBPeakAbsMag`?
