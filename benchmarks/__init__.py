"""What reddb costs, measured beside what else a program could use, and beside the limits.

General layout:

- ``python -m benchmarks`` runs everything and writes ``docs/performance/``: `benchmarks.suite` says
  in which order, `benchmarks.results` keeps the figures, `benchmarks.report` shows them.
- `benchmarks.documents` has the documents that every measurement uses.
- `benchmarks.timing` takes turns between what is compared; `benchmarks.fresh` gives each
  measurement a process of its own.
- `benchmarks.limits` has the least that could do the same work.
- `benchmarks.targets` measures the ratios that reddb is held to; ``python -m benchmarks.targets``
  measures some of them alone.
- `benchmarks.peers` has one module for each other store; `benchmarks.side_by_side` the workloads
  that all of them run.
- `benchmarks.growth`, `benchmarks.rust` and `benchmarks.profiles` measure how costs grow, what the
  Rust crate was measured to do, and where the time goes.
- `benchmarks.micro` is for noticing that something has become slower.

Only ratios within one run say much: what is compared is measured in turn, on the same documents.
"""
