"""The pytest plugin, as the tests of a program that uses reddb see it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TRIO_TESTS = """
    from pathlib import Path

    from attrs import frozen

    from reddb import Durability, JsonDb, MemDb, PersistFailed, YamlDb
    from reddb.testing import InDirectory, OnSimulatedDisk, Operation


    @frozen
    class Note:
        text: str


    async def test_in_memory(reddb_in_memory):
        async with reddb_in_memory(Note) as db, reddb_in_memory() as other:
            assert isinstance(db, MemDb)
            await db.insert_one(Note("milk"))
            await other.insert_one({"any": "thing"})
            assert await db.query().count() == await other.query().count() == 1
        async with reddb_in_memory(Note) as db:
            assert await db.find_all() == []


    async def test_on_a_simulated_disk(reddb_on_simulated_disk, autojump_clock):
        async with reddb_on_simulated_disk(Note) as db:
            assert isinstance(db, JsonDb)
            await db.insert_one(Note("kept"))
            reddb_on_simulated_disk.disk.fail(Operation.SYNC)
            try:
                await db.insert_one(Note("refused"))
            except PersistFailed:
                pass
        async with reddb_on_simulated_disk(Note) as db:
            assert [each.data for each in await db.find_all()] == [Note("kept")]


    async def test_power_cuts(reddb_on_simulated_disk):
        async with reddb_on_simulated_disk(Note) as db:
            await db.insert([Note("left"), Note("right")])
            acknowledged = reddb_on_simulated_disk.moment
        counts = set()
        for state, left in reddb_on_simulated_disk.power_cuts():
            async with left(Note) as db:
                count = await db.query().count()
            assert count == 2 if state.event >= acknowledged else count in {0, 2}
            counts.add(count)
        assert counts == {0, 2}
        for state, _ in reddb_on_simulated_disk.power_cuts(since=acknowledged, samples=0):
            assert state.event >= acknowledged


    async def test_other_kinds(tmp_path):
        place = OnSimulatedDisk(database=YamlDb)
        async with place(Note, durability=Durability.OS) as db:
            assert isinstance(db, YamlDb)
            await db.insert_one(Note("written"))
            assert (await db.stats()).file_size_bytes > 100
        async with InDirectory(tmp_path, database=YamlDb)(Note):
            assert (tmp_path / "test.yaml").exists()


    async def test_in_a_directory(reddb_in_directory):
        async with reddb_in_directory(Note) as db:
            await db.insert_one(Note("kept"))
        assert [each.suffix for each in reddb_in_directory.directory.iterdir()] == [".json"]
        async with reddb_in_directory(Note) as db:
            assert [each.data for each in await db.find_all()] == [Note("kept")]
"""

PLAIN_TEST = """
    import trio


    def test_in_a_program_of_its_own(reddb_in_memory):
        async def main():
            async with reddb_in_memory(str) as db:
                await db.insert_one("milk")
                return await db.query().count()

        assert trio.run(main) == 1
"""

UNRELATED_TEST = """
    def test_that_knows_nothing_of_reddb(request):
        assert not [name for name in request.fixturenames if name.startswith("reddb")]
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Run pytest with this plugin and those that a test names, and no others."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return pytester


def test_its_fixtures_work_with_pytest_trio(run: pytest.Pytester) -> None:
    run.makepyfile(TRIO_TESTS)
    run.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error")
    result = run.runpytest_subprocess("-p", "pytest_trio.plugin", "-p", "reddb.testing.plugin")
    result.assert_outcomes(passed=5)


def test_its_fixtures_work_without_any_other_plugin(run: pytest.Pytester) -> None:
    run.makepyfile(PLAIN_TEST)
    result = run.runpytest_subprocess("-p", "reddb.testing.plugin", "-W", "error")
    result.assert_outcomes(passed=1)


def test_it_leaves_other_tests_alone(run: pytest.Pytester) -> None:
    run.makepyfile(UNRELATED_TEST)
    result = run.runpytest_subprocess("-p", "reddb.testing.plugin", "-W", "error")
    result.assert_outcomes(passed=1)


def test_its_fixtures_say_what_they_give(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-p", "reddb.testing.plugin", "--fixtures")
    for name in ("reddb_in_memory", "reddb_on_simulated_disk", "reddb_in_directory"):
        result.stdout.re_match_lines([rf"{name} .*", r"    Open .*"])


def test_pytest_finds_it() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    entry_points = project["project"]["entry-points"]["pytest11"]
    assert entry_points == {"reddb": "reddb.testing.plugin"}
