-- selected
objects.diaObjectId
-- tables
objects, watchlists:139
-- conditions
jump1 > 5
-- expected
tables, line 1, column 10: there is no table `watchlists`
  objects, watchlists:139
           ^^^^^^^^^^^^^^
Did you mean `watchlist`? Tables are objects, objects_ext, objects_variability, alert, ss_objects_latest, mpc_orbits, sherlock_classifications, crossmatch_tns, annotator:…, watchlist:…, area:…, watchmap:…, skymap:….
