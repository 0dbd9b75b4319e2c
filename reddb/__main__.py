"""``python -m reddb``: the command line, as the script ``reddb`` is."""

from reddb.cli import main

if __name__ == "__main__":
    main()
