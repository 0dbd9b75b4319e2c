"""For the tests of programs that use reddb, and of codecs and storages of your own.

`simulated_disk` has a disk in memory that fails when told to; the conformance modules have the
tests that every codec, disk and storage must pass.
"""
