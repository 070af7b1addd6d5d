-- selected
objects.diaObjectId
-- tables
objects, crossmatch_tns
-- conditions
crossmatch_tns.type in ['SN Ia', 'SN II']
-- expected
conditions, line 1, column 24: square brackets are not allowed
  crossmatch_tns.type in ['SN Ia', 'SN II']
                         ^
A list stands in round brackets: IN ('SN', 'NT').
