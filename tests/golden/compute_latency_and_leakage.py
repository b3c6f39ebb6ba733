"""Kinds ``moallemi_saglam`` and ``leakage``: formulas of one figure each."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sim.protocol.detection import detect_any_prob, detect_prob, leakage_reduction
from sim.study.latency_cost import PeggedSale, latency_cost_formula, latency_cost_program

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools


def moallemi_saglam(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """The closed form and the dynamic program, as fractions of the value without latency."""
    inputs = golden.inputs
    market = PeggedSale(
        jump=inputs["price_jump_usd"],
        sigma=inputs["sigma_usd_per_sqrt_second"],
        rate=inputs["impatient_buyer_rate_per_minute"] / 60,
        horizon=inputs["horizon_seconds"],
    )
    formula = latency_cost_formula(market, inputs["latency_seconds"])
    program = latency_cost_program(market, inputs["latency_seconds"])
    yield {
        "formula_latency_cost_fraction": formula,
        "dynamic_program_latency_cost_fraction": program,
        "dynamic_program_over_formula": program / formula,
    }


def leakage(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """The chance to be noticed, of one quantity or of the children of a split."""
    inputs = golden.inputs
    alpha = inputs["alpha_per_share"]
    children = inputs.get("child_visible_shares")
    if children is None:
        yield {"p_detect": detect_prob(inputs["visible_shares"], alpha)}
    else:
        yield {
            "leakage_reduction": leakage_reduction(children, alpha),
            "p_detect_any_child": detect_any_prob(children, alpha),
            "p_detect_per_child": [detect_prob(child, alpha) for child in children],
        }


def slow(compute: "Compute", golden: "Golden") -> bool:
    """Ten thousand steps take a while."""
    return compute is moallemi_saglam and golden.inputs["latency_seconds"] < 0.005


KINDS: Final = {"moallemi_saglam": [moallemi_saglam], "leakage": [leakage]}
