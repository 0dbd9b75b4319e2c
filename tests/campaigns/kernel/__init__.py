"""What the campaigns on the real kernel share.

A *life* is one opening of a database that writes until something ends it. While it lasts it
tells, event by event, what it offers to the log and what it has acknowledged; the `Journal` made
of these events knows every state that may be found afterwards, and `examine` looks.
"""
