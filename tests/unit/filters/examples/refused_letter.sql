-- selected
date_format(now(), '%Y-%G') AS d
-- tables
objects
-- conditions

-- expected
selected, line 1, column 24: `%G` is no letter of such a form
  date_format(now(), '%Y-%G') AS d
                         ^^
Letters are %D, %H, %I, %M, %S, %T, %U, %V, %W, %X, %Y, %a, %b, %c, %d, %e, %f, %h, %i, %j, %k, %l, %m, %p, %r, %s, %u, %v, %w, %x, %y and %%.
