"""Short runs of the campaigns against bad bytes and on compaction."""

from __future__ import annotations

import pytest

from tests.campaigns import bad_bytes, byte_flips, compaction
from tests.campaigns.campaign import Campaign


@pytest.mark.parametrize(
    ("campaign", "scale"),
    [(bad_bytes.CAMPAIGN, 0.004), (byte_flips.CAMPAIGN, 0.004), (compaction.CAMPAIGN, 0.01)],
    ids=lambda value: value.name if isinstance(value, Campaign) else None,
)
def test_a_short_run_keeps_every_promise(campaign: Campaign, scale: float) -> None:
    report = campaign.run(scale, 1)
    assert report.passed, [report.violations, report.caught]
    assert report.tried and report.caught
