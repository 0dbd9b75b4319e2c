"""What the campaigns on the simulated disk share.

`ledger` knows what was committed and promised, `workload` and `steps` make work, `checks` looks at
what a crash left, `search` goes through the crashes of a workload, `weakened` takes protections
away to see that it is noticed, `hangs` ends deadlocks.
"""
