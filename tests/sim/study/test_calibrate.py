"""Rates that are known come back from the data that they made, within 4 sigma of their counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.scenario.load import load_scenario
from sim.study.calibrate import CalibrationError, fit_flow
from sim.study.calibration import Calibration, calibrate
from sim.study.generate import generate_market
from sim.study.market_measure import Market

COMMON = {"per": "1s", "centre": "100.00", "warm_up": "60s"}
CST: dict[str, Any] = COMMON | {
    "kind": "cont_stoikov_talreja",
    "limits": [1.85, 1.51, 1.09, 0.88, 0.77],
    "cancels": [0.71, 0.81, 0.68, 0.56, 0.47],
    "market_per_side": 0.94,
}
ZERO: dict[str, Any] = COMMON | {
    "kind": "zero_intelligence",
    "limit": 0.5,
    "market": 1.2,
    "cancel": 0.3,
    "levels": 8,
    "size": {"law": "empirical", "lots": [1, 3], "weights": [3, 1]},
}
HAWKES: dict[str, Any] = COMMON | {
    "kind": "hawkes",
    "base": 1.0,
    "alpha": 3.0,
    "beta": 5.0,
    "take": 0.15,
    "distance": {"law": "uniform", "levels": 6},
    "life": {"law": "exponential", "mean": "8s"},
}
POISSON: dict[str, Any] = {
    "kind": "poisson",
    "rate": 20,
    "centre": "100.00",
    "levels": 10,
    "lots": 9,
    "take": 0.1,
    "cancel": 0.4,
}


def scenario(flow: dict[str, Any], duration: str) -> dict[str, Any]:
    leg = {"model": "fixed", "delay": "0ns"}
    return {
        "schema_version": 1,
        "name": "known",
        "seed": 20261121,
        "duration": duration,
        "instrument": {"symbol": "A", "tick_size": "0.01", "lot_size": 1},
        "venues": [
            {
                "id": "V",
                "kind": "lit",
                "latency": {"order": leg, "report": leg, "feed": leg},
                "flow": [flow],
            }
        ],
        "router": {"strategy": {"kind": "greedy"}},
        "parents": [{"id": "P", "side": "buy", "qty": 1, "at": "0s"}],
    }


@pytest.fixture
def generated(tmp_path: Path) -> Callable[..., Path]:
    """``generated(flow, duration)``: the events of a flow with known parameters."""

    def make(flow: dict[str, Any], duration: str) -> Path:
        path, out = tmp_path / "known.yaml", tmp_path / "known.events.csv"
        path.write_text(json.dumps(scenario(flow, duration)))
        generate_market(load_scenario(path), out)
        return out

    return make


def values(result: Calibration) -> dict[str, tuple[float, float]]:
    return {one.name: (one.value, one.se or 0.0) for one in result.fit.parameters}


@pytest.mark.slow
def test_rates_by_distance_come_back(generated: Callable[..., Path]) -> None:
    events = generated(CST, "20min")
    result, real, simulated = calibrate(events, "cont_stoikov_talreja", levels=10)
    found = values(result)
    expected = {f"limits[{i + 1}]": rate for i, rate in enumerate(CST["limits"])}
    expected |= {f"cancels[{i + 1}]": rate for i, rate in enumerate(CST["cancels"])}
    expected["market_per_side"] = CST["market_per_side"]
    for name, rate in expected.items():
        value, sigma = found[name]
        assert abs(value - rate) < 4 * sigma, name
        assert sigma < 0.05 * rate
    assert set(found) == set(expected)
    # And a simulation of what was fitted is the same market again.
    compared = {row.name: (row.real, row.simulated) for row in result.comparison}
    assert set(compared) >= {"spread_mean_ticks", "depth_best_lots", "trade_size_mean_lots"}
    for name in ("spread_mean_ticks", "depth_best_lots", "cancels_per_limit_order"):
        ours, theirs = compared[name]
        assert theirs == pytest.approx(ours, rel=0.06), name
    assert list(compared["inter_arrival_cv"]) == pytest.approx([1, 1], abs=0.05)
    assert not any("has both sides" in note for note in result.fit.notes)
    assert real.seconds == pytest.approx(simulated.seconds, rel=0.01)
    assert result.unknown_orders == 0


@pytest.mark.slow
def test_the_three_rates_of_zero_intelligence_come_back(generated: Callable[..., Path]) -> None:
    result, _, _ = calibrate(generated(ZERO, "20min"), "zero_intelligence", levels=20)
    found = values(result)
    assert found["levels"][0] == 8
    for name in ("limit", "market", "cancel"):
        value, sigma = found[name]
        assert abs(value - ZERO[name]) < 4 * sigma, name
        assert sigma < 0.05 * ZERO[name]
    sizes = result.fit.flow["size"]
    assert sizes["lots"] == [1, 3]
    assert sizes["weights"][0] / sum(sizes["weights"]) == pytest.approx(0.75, abs=0.02)


@pytest.mark.slow
def test_excitation_comes_back(generated: Callable[..., Path]) -> None:
    """In sigmas of the likelihood; the take share is that of orders that found a book."""
    result, _, _ = calibrate(generated(HAWKES, "30min"), "hawkes", levels=12)
    found = values(result)
    for name in ("base", "alpha", "beta", "take"):
        value, sigma = found[name]
        assert abs(value - HAWKES[name]) < 4 * sigma, name
    value, sigma = found["cancel"]
    assert abs(value - 1 / 8) < 4 * sigma
    assert found["alpha / beta"][0] == pytest.approx(0.6, abs=4 * found["alpha / beta"][1])
    cv = {row.name: row for row in result.comparison}["inter_arrival_cv"]
    assert cv.real > 1.3
    assert cv.simulated == pytest.approx(cv.real, rel=0.1)


@pytest.mark.slow
def test_orders_of_the_poisson_flow_come_back(generated: Callable[..., Path]) -> None:
    """Its cancels of orders that have traded leave no trace, so only the others can be counted."""
    result, _, _ = calibrate(generated(POISSON, "5min"), "poisson", levels=30)
    (rate, _), (take, _), (cancel, _) = (values(result)[n] for n in ("rate", "take", "cancel"))
    for found, per_s in ((rate * take, 2.0), (rate * (1 - take - cancel), 10.0)):
        assert abs(found - per_s) < 4 * (per_s / 300) ** 0.5
    assert 0.3 < cancel < 0.4
    assert result.fit.flow["centre"] == "100"
    assert result.fit.flow["lots"] == pytest.approx(9, abs=1)


@pytest.mark.slow
def test_the_text_can_be_pasted_into_a_scenario(
    generated: Callable[..., Path], tmp_path: Path
) -> None:
    events = generated(CST, "3min")
    for kind in ("cont_stoikov_talreja", "zero_intelligence", "hawkes", "poisson"):
        result, _, _ = calibrate(events, kind, simulate_ns=5 * 10**9)
        (flow,) = yaml.safe_load(result.scenario_text)["flow"]
        assert flow == result.fit.flow
        path = tmp_path / f"{kind}.yaml"
        path.write_text(json.dumps(scenario(flow, "1s")))
        assert load_scenario(path).scenario.venues[0].flow[0].model_dump()["kind"] == kind
        assert result.scenario_text.startswith("# Fitted to ")


@pytest.mark.slow
def test_calibration_is_repeatable(generated: Callable[..., Path]) -> None:
    events = generated(ZERO, "2min")
    one, other = (calibrate(events, "zero_intelligence", seed=5)[0] for _ in range(2))
    assert one == other
    assert calibrate(events, "zero_intelligence", seed=6)[0].comparison != one.comparison


def test_data_without_trades_are_refused() -> None:
    with pytest.raises(CalibrationError, match="needs limit orders and market orders"):
        fit_flow("hawkes", Market(1, 5), 1)


EVENTS = "t_ns,venue,event,side,price,qty,order_id\n0,A,add,bid,99,1,1\n0,B,add,ask,100,1,2\n"


@pytest.mark.parametrize(
    ("venue", "words"),
    [(None, "name one venue with --venue; with a book there are: A, B"), ("C", "'C' has no book")],
)
def test_a_venue_must_be_named_among_several(tmp_path: Path, venue: str | None, words: str) -> None:
    path = tmp_path / "two.events.csv"
    path.write_text(EVENTS)
    with pytest.raises(CalibrationError, match=words):
        calibrate(path, "poisson", venue=venue)
    with pytest.raises(CalibrationError, match="only 0 events"):
        calibrate(path, "poisson", venue="A")


@pytest.mark.shared
@pytest.mark.slow
def test_a_real_hour_is_fitted_and_its_misfit_is_said(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """Rates by distance rebuild depth and trades; the bursts of real arrivals they do not."""
    from sim.data import converter

    day = "lobster/GOOG_2012-06-21_34200000_57600000"
    inputs = [shared_file(f"{day}_{name}_10.csv.gz") for name in ("message", "orderbook")]
    events = tmp_path / "goog.events.csv"
    converter("lobster")(inputs, events, {"length": "60min"})
    result, _, _ = calibrate(events, "cont_stoikov_talreja", levels=100, simulate_ns=1200 * 10**9)
    rows = {row.name: row for row in result.comparison}
    assert result.tick_size == "0.01"
    assert rows["trade_size_mean_lots"].simulated == pytest.approx(
        rows["trade_size_mean_lots"].real, rel=0.2
    )
    assert rows["inter_arrival_cv"].real > 2
    assert rows["inter_arrival_cv"].simulated == pytest.approx(1, abs=0.1)


@pytest.mark.shared
@pytest.mark.slow
def test_a_simulated_book_that_is_one_sided_for_long_is_said(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its rates are of the time with both sides, its times between arrivals of all of it."""
    from sim.data import converter

    day = "lobster/GOOG_2012-06-21_34200000_57600000"
    inputs = [shared_file(f"{day}_{name}_10.csv.gz") for name in ("message", "orderbook")]
    events = tmp_path / "goog.events.csv"
    converter("lobster")(inputs, events, {"start": "60min", "length": "2min"})
    result, _, simulated = calibrate(events, "cont_stoikov_talreja")
    assert simulated.seconds < 60
    said = [note for note in result.fit.notes if "has both sides" in note]
    assert [note.startswith("the book of the simulation") for note in said] == [True]
