"""The command that runs campaigns: what it prints, and when it fails."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.campaigns import __main__ as command
from tests.campaigns.campaign import Campaign, Report, Unsupported, noticed

GOOD = Report(Counter({"power cuts": 1200}), Counter({"syncs": 3}))


def outcome_of(
    report: Report | Unsupported, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> int:
    """Run the command with one campaign, which comes to `report`."""

    def run(scale: float, seed: int) -> Report:
        if isinstance(report, Unsupported):
            raise report
        return report

    monkeypatch.setattr(command, "found", lambda: {"one": Campaign("one", "does a thing", run)})
    monkeypatch.setattr(sys, "argv", ["campaigns", *arguments])
    return command.main()


def test_figures_and_the_machine_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome_of(GOOD, monkeypatch, "--scale", "0.5", "--seed", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scale 0.5, seed 7, on ") and "CPUs, CPython 3." in lines[0]
    assert lines[1].startswith("one: passed in ")
    assert [line.split() for line in lines[2:]] == [
        ["1,200", "power", "cuts"],
        ["3", "caught", "without", "syncs"],
    ]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report(GOOD.tried, GOOD.caught, ["a commit is lost"]), "VIOLATION  a commit is lost"),
        (Report(GOOD.tried, Counter({"syncs": 0})), "0  caught without syncs"),
        (Report(GOOD.tried), "one: FAILED"),
        (Report(Counter(), GOOD.caught), "one: FAILED"),
    ],
    ids=["a broken promise", "a control that was not caught", "no control", "nothing was tried"],
)
def test_a_campaign_that_shows_nothing_fails(
    report: Report,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert outcome_of(report, monkeypatch) == 1
    assert said in capsys.readouterr().out


def test_a_machine_that_does_not_allow_it_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome_of(Unsupported("needs root"), monkeypatch) == 0
    assert "one: SKIPPED: needs root" in capsys.readouterr().out


def test_a_name_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        outcome_of(GOOD, monkeypatch, "two")
    assert "no campaign is named two" in capsys.readouterr().err


def test_every_campaign_is_found() -> None:
    assert {"block-log", "byte-flips", "crash-states", "power-cut", "sigkill"} <= {*command.found()}


def test_a_violation_of_another_kind_is_not_what_a_control_is_caught_by() -> None:
    assert noticed(["Hang()", "commit 3 was promised", "is no state"], "promised|no state") == 2
