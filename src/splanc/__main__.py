"""`python -m splanc`: the same as the command `splanc`."""

from .cli import main

main()
