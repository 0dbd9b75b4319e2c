"""What reddb costs, measured beside what else a program could use, and beside the limits.

General layout:

- `benchmarks.documents` has the documents that every measurement uses.
- `benchmarks.timing` takes turns between what is compared; `benchmarks.fresh` gives each
  measurement a process of its own.
- `benchmarks.limits` has the least that could do the same work.
- `benchmarks.targets` measures the ratios that reddb is held to: ``python -m benchmarks.targets``.

Only ratios within one run say much: both sides of one are measured in turn, in one process, on the
same documents.
"""
