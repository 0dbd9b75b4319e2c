"""What a program could use in reddb's place, each used as its own documentation says.

One module a peer. All keep the same documents under random UUIDs, as JSON unless they have a format
of their own.
"""
