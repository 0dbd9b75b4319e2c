"""Short forms of the campaigns on the real kernel: what they look for, and each negative control.

``python -m tests.campaigns`` runs them in full.
"""

from __future__ import annotations

import random

import pytest

from tests.campaigns import block_log, full_disk, injected_errors, power_cut, sigkill
from tests.campaigns.campaign import Campaign, Unsupported

_SCALE = 0.025
"""Five kills, five power cuts; a few seconds each."""

_CAMPAIGNS = [
    module.CAMPAIGN for module in (block_log, full_disk, injected_errors, power_cut, sigkill)
]


@pytest.mark.parametrize("campaign", _CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_promises_hold_on_the_real_kernel(campaign: Campaign) -> None:
    seed = random.getrandbits(32)
    try:
        report = campaign.run(_SCALE, seed)
    except Unsupported as reason:
        pytest.skip(str(reason))
    assert not report.violations, f"seed {seed}: {report.violations}"
    assert sum(report.tried.values())
    assert min(report.caught.values()), f"a negative control was not caught: {report.caught}"
