"""Runs campaigns from the command line: ``python -m tests.campaigns crash-states --scale 1``."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import sys
import time

import trio

from tests import campaigns
from tests.campaigns.campaign import Campaign, Report, Unsupported


def found() -> dict[str, Campaign]:
    """Give every campaign in this package by its name."""
    modules = (
        importlib.import_module(f"{campaigns.__name__}.{module.name}")
        for module in pkgutil.iter_modules(campaigns.__path__)
        if not module.name.startswith(("_", "test_"))
    )
    named = (module.CAMPAIGN for module in modules if hasattr(module, "CAMPAIGN"))
    return {campaign.name: campaign for campaign in sorted(named, key=lambda each: each.name)}


def machine() -> str:
    """Say what the figures were measured on."""
    parts = (
        f"{platform.system()} {platform.release()}",
        platform.machine(),
        f"{os.cpu_count()} CPUs",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"trio {trio.__version__}",
    )
    return ", ".join(parts)


def run(campaign: Campaign, scale: float, seed: int) -> Report:
    """Run one campaign; a machine that does not allow it is no failure."""
    try:
        return campaign.run(scale, seed)
    except Unsupported as reason:
        return Report(skipped=str(reason))


def show(campaign: Campaign, report: Report, seconds: float) -> None:
    """Print what a campaign tried and found."""
    if report.skipped is not None:
        print(f"{campaign.name}: SKIPPED: {report.skipped}")
        return
    outcome = "passed" if report.passed else "FAILED"
    print(f"{campaign.name}: {outcome} in {seconds:.0f} s")
    for what, count in sorted(report.tried.items()):
        print(f"  {count:>10,}  {what}")
    for control, count in sorted(report.caught.items()):
        print(f"  {count:>10,}  caught without {control}")
    for violation in report.violations[:20]:
        print(f"  VIOLATION  {violation}")


def main() -> int:
    """Run the campaigns that the command line names; 1 if a promise was broken."""
    known = found()
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    listing = "; ".join(f"{each.name}: {each.summary}" for each in known.values())
    parser.add_argument("names", nargs="*", metavar="CAMPAIGN", help=f"all by default. {listing}")
    parser.add_argument("--scale", type=float, default=1.0, help="how much to try; 1 is in full")
    parser.add_argument("--seed", type=int, default=1, help="what all chance is drawn from")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"no campaign is named {', '.join(sorted(unknown))}")
    print(f"scale {arguments.scale:g}, seed {arguments.seed}, on {machine()}")
    failed = False
    for name in arguments.names or known:
        start = time.monotonic()
        report = run(known[name], arguments.scale, arguments.seed)
        show(known[name], report, time.monotonic() - start)
        failed = failed or not (report.passed or report.skipped)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
