"""The ratios that reddb is held to: ``python -m benchmarks.targets --help``."""
