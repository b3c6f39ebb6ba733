"""Explanations of orders that were lost from sight and found again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.report.explain import explain
from sim.world import run_world

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def told(
    market: Make, lit: Make, load_data: Callable[..., Any], tmp_path: Path
) -> Callable[..., str]:
    """What comes back to the first child at A, 5 ms away, after these faults."""

    def tell(*faults: dict[str, Any]) -> str:
        router = {"strategy": {"kind": "greedy"}, "ack_timeout": "50ms", "cancel_resends": 0}
        venues = [lit("A", [["100.00", 500]]), lit("B", [["100.05", 500]])]
        data = market(venues, router=router, faults=[{"venue": "A", **f} for f in faults])
        run_world(load_data(data), folder=tmp_path)
        return "\n".join(
            line
            for section in explain(tmp_path, "P.A.1")["sections"]
            if section["heading"] in {"On the way", "What came back", "In the end"}
            for line in section["says"]
        )

    return tell


def test_F06_a_lost_fill_tells_of_the_gap_and_when_the_report_left_again(
    told: Callable[..., str],
) -> None:
    text = told({"kind": "message_loss", "leg": "report", "messages": "fill", "at": "0s"})
    assert "60 ms: reports of A were missing, so the router asked for them again" in text
    assert "(at the venue at 5 ms; the report left at 65 ms and took 5 ms)" in text


def test_F03_an_order_that_went_down_with_the_line_was_never_there(
    told: Callable[..., str],
) -> None:
    text = told({"kind": "disconnect", "at": "1ms", "lasts": "30ms"})
    assert "The log does not say that A got it." in text
    assert "6 ms: the session with A was down: its lots stayed reserved" in text
    assert "the router asked what had become of it while they had no session" in text
    assert "the venue has no such order; canceled, 100 not filled, since it is not there" in text


def test_F04_a_question_and_its_answer_are_told(told: Callable[..., str]) -> None:
    text = told({"kind": "message_loss", "leg": "order", "at": "0s", "count": 2})
    assert "100 ms: still no answer, so the router asked what had become of it" in text
    assert "110 ms: the venue has no such order; canceled, 100 not filled" in text
