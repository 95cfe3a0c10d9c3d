"""The command line: one verb, one page of help.

Data goes to stdout, everything else to stderr. Exit codes: 0 it worked, 1 the work failed, 2 bad usage, 75 try again,
130 stopped by Ctrl-C. Nothing heavy is imported before a command computes, so that help is instant.
"""

from downslope.cli.main import main

__all__ = ["main"]
