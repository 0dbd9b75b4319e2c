"""Small benchmarks to notice a regression by: compare a change with what was saved before it.

    python -m pytest -c benchmarks/micro/pytest.ini --rootdir . --benchmark-save=before
    python -m pytest -c benchmarks/micro/pytest.ini --rootdir . --benchmark-compare

They need the extras `bench` and `test`, as ``.venv-bench`` has them, and are no part of the test
suite, which only does each operation once to see that it works. Single times say little on a busy
machine: repeat what looks slower.
"""
