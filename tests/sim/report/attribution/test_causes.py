"""The ledger of losses: what is lost has a cause, and what comes back makes up for the latest."""

from pathlib import Path

import pytest

from sim.report.attribution.causes import SAYS, Cause, Ledger, Loss, added, as_text, by_cause

GONE, TAKEN, STALE = Cause.GONE_BEFORE_ARRIVAL, Cause.TAKEN_BY_OTHERS, Cause.STALE_QUOTE


def ledger(*losses: tuple[Cause, int]) -> Ledger:
    made = Ledger()
    for cause, qty in losses:
        made.lose(cause, qty)
    return made


def test_what_comes_back_makes_up_for_the_latest_loss() -> None:
    made = ledger((STALE, 30), (TAKEN, 20))
    made.regain(25)
    assert made.settle(25) == [Loss(STALE, 25)]


def test_a_loss_beyond_the_shortfall_did_no_harm() -> None:
    made = ledger((STALE, 30), (TAKEN, 20), (GONE, 5))
    assert by_cause(made.settle(40)) == {STALE: 30, TAKEN: 10}


@pytest.mark.parametrize("qty", [0, -3])
def test_nothing_lost_is_no_loss(qty: int) -> None:
    assert ledger((GONE, qty)).settle(10) == []


def test_more_than_was_lost_comes_back() -> None:
    made = ledger((GONE, 4))
    made.regain(9)
    made.lose(TAKEN, 2)
    assert made.total == 2


def test_sums_stand_in_the_order_of_the_list_and_hold_no_zeros() -> None:
    summed = added([{TAKEN: 2}, {STALE: 1, TAKEN: 3}, {}])
    assert list(summed.items()) == [(STALE, 1), (TAKEN, 5)]
    assert as_text(summed) == {"stale_quote": 1, "taken_by_others": 5}


def test_every_cause_has_words() -> None:
    assert list(SAYS) == list(Cause)
    assert len(set(SAYS.values())) == len(Cause)


def test_every_cause_stands_in_the_docs(project_root: Path) -> None:
    page = (project_root / "docs" / "shortfall.md").read_text(encoding="utf-8")
    named = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(named) == sorted(cause.value for cause in Cause)
