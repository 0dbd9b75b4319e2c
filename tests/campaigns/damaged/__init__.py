"""What the campaigns against bad bytes share.

Logs whose whole history is known, ways of damaging them, and what must hold of whatever comes out.
"""
