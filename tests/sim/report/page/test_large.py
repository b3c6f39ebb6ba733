"""The page of a large run stays small and quick, and says what it leaves out."""

import copy
import json
import re
from time import process_time
from typing import Any

import pytest

from sim.report.page.order_views import CHILDREN_MAX, DECISIONS_MAX
from sim.report.page.render import DETAILS_MAX, render

CHILDREN = 30_000  # with sent, arrived, filled and ended more than 100,000 events
BYTES_MAX = 5_000_000
SECONDS_MAX = 5.0


def enlarged(document: dict[str, Any], children: int) -> dict[str, Any]:
    """The same with many children, three to a decision, and long lines of prices."""
    first, plan = document["children"][1], document["decisions"][0]
    found = {**document, "children": [], "decisions": []}
    for number in range(children):
        child = {**first, "cl_ord_id": f"C{number}", "decision_id": number // 3}
        found["children"].append(child | {"sent_ns": number * 1_000, "short_qty": number % 50})
    for number in range(children // 3):
        sent = [f"C{3 * number + place}" for place in range(3)]
        found["decisions"].append({**plan, "decision_id": number, "children": sent})
    line = {
        "t_ns": list(range(1_500)),
        "bid": ["100.00"] * 1_500,
        "ask": ["100.01"] * 1_500,
        "of": 90_000,
    }
    found["market"] = {**document["market"], "nbbo": line}
    found["market"]["quotes"] = dict.fromkeys(document["market"]["quotes"], line)
    return found


@pytest.mark.slow
def test_the_page_of_a_large_run_is_small_and_quick(document: dict[str, Any]) -> None:
    large = enlarged(document, CHILDREN)
    start = process_time()
    text = render(large)
    assert process_time() - start < SECONDS_MAX
    assert len(text.encode()) < BYTES_MAX


def test_what_is_left_out_is_said(document: dict[str, Any]) -> None:
    text = render(enlarged(copy.deepcopy(document), 1_200))
    assert f"{CHILDREN_MAX} of 1,200 child orders are shown" in text
    assert f"{DECISIONS_MAX} of 400 decisions are shown" in text
    assert f"{DETAILS_MAX} of 400 decisions can be opened" in text
    assert "600 of 1,200 child orders" in text
    assert "Price lines are drawn with 4,500 of 270,000 points" in text
    (data,) = re.findall(r'id="report-data">(.*?)</script>', text)
    kept = json.loads(data)
    assert len(kept["children"]) == CHILDREN_MAX
    assert max(child["short_qty"] for child in kept["children"]) == 49
    links = set(re.findall(r'href="#(decision-\d+)"', text))
    assert len(links) == DETAILS_MAX
    assert all(f'id="{link}"' in text for link in links)
