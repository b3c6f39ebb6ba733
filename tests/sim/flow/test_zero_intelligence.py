"""The mean spread of the zero-intelligence book, as a regression of our own unit convention.

Unit orders, market orders at rate 1 in total over both sides, limit orders at rate .01 per tick and
side. The published law of the spread did not come out under any unit convention that we tried, so
it is no expectation here; these values are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sim.flow.book_flow import EMPTY
from sim.flow.zero_intelligence import ZeroIntelligenceFlow

if TYPE_CHECKING:
    from tests.sim.flow.conftest import Stand

SECONDS = 20_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cancel", "ticks"), [(0.02, 27.0), (0.05, 31.6), (0.1, 38.3), (0.2, 50.0), (0.4, 71.5)]
)
def test_the_mean_spread(stand: Callable[..., "Stand"], cancel: float, ticks: float) -> None:
    """Seed 1, one run of 20,000 s, time average after ten order lives: within 3 %."""
    flow = ZeroIntelligenceFlow.model_validate(
        {
            "kind": "zero_intelligence",
            "per": "1s",
            "centre": "1000.00",
            "limit": 0.01,
            "market": 1.0,
            "cancel": cancel,
            "levels": 400,
        }
    )
    here = stand(flow)
    here.core.report_to(())
    bids, asks = here.core.sides
    warm_ns, spread_ns, lasted_ns = 10e9 / cancel, 0, 0
    while here.t_ns < SECONDS * 1e9:
        now_ns = here.t_ns
        here.step()
        here.sent.clear()
        if now_ns > warm_ns and EMPTY not in {bids.best, asks.best}:
            spread_ns += (asks.best + bids.best) * (here.t_ns - now_ns)
            lasted_ns += here.t_ns - now_ns
    assert abs(spread_ns / lasted_ns / ticks - 1) <= 0.03
