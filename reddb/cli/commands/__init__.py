"""The commands: `looking` reads a log, `documents` finds in it, `care` makes a better one of it."""
