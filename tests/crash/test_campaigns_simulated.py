"""Short forms of the campaigns on the simulated disk, and each of their negative controls.

``python -m tests.campaigns crash-states io-errors`` runs them in full.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaigns import crash_states, io_errors
from tests.campaigns.simulated.failing import FAULTS
from tests.campaigns.simulated.search import Effort, Job, search
from tests.campaigns.simulated.steps import Step
from tests.campaigns.simulated.workload import Setting

SCALE = 0.01
A_FEW = Effort(3, 4, crashes_again=1, kills=1, moments_after=2, states_after=1)


def test_crashes_keep_every_promise() -> None:
    tried: Counter[str] = Counter()
    for job in crash_states.jobs(SCALE, seed=1):
        report = search(job)
        assert not report.violations
        tried += report.tried
    assert tried["crash states"] > 1000
    assert min(tried[f"crash states of {each.__name__}"] for each in crash_states.FORMATS) > 200


@settings(max_examples=20)
@given(
    setting=st.sampled_from(crash_states.SETTINGS),
    sessions=st.lists(st.lists(st.sampled_from(Step), max_size=4), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
def test_crashes_of_any_workload_keep_every_promise(
    setting: Setting, sessions: list[list[Step]], seed: int
) -> None:
    assert not search(Job(setting, seed, A_FEW, sessions)).violations


@pytest.mark.parametrize("control", crash_states.CONTROLS, ids=lambda control: control.name)
def test_a_missing_protection_against_crashes_is_noticed(control: crash_states.Control) -> None:
    assert crash_states.caught(control, seed=1)


def test_failing_operations_break_no_promise() -> None:
    tried: Counter[str] = Counter()
    for job in io_errors.jobs(SCALE, seed=1):
        report = io_errors.loop(job)
        assert not report.violations
        tried += report.tried
    assert tried["operations that failed"] > 100
    assert min(tried[f"operations that failed with {each}"] for each in FAULTS) > 5


@pytest.mark.parametrize("control", io_errors.CONTROLS, ids=lambda control: control.name)
def test_a_missing_protection_against_errors_is_noticed(control: io_errors.Control) -> None:
    assert io_errors.caught(control, seed=1)


def test_at_scale_one_the_campaigns_are_complete() -> None:
    in_full = crash_states.jobs(1, seed=1)
    assert {job.setting for job in in_full} == {*crash_states.SETTINGS}
    assert len({str(job) for job in in_full}) == len(in_full)
    kinds = {(job.setting, job.fault) for job in io_errors.jobs(1, seed=1) if job.stride == 1}
    assert len(kinds) == len(crash_states.SETTINGS) * len(FAULTS)
