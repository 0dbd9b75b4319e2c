"""reddb beside its peers: the same workloads, on the same documents, in the same run.

`inserts`, `operations`, `mixed` and `opening` are groups of workloads. Each is given a peer and
runs in a process of its own, and gives a `Cell` for each of its workloads. `groups` names them.
"""
