"""What is tried on compaction: how long it keeps writers waiting, and how it can be interrupted."""
