"""Schedules by themselves: slices, jitter, catching up, caps, the end of the horizon."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from router.schedule import SCHEDULES, ScheduleConfig
from router.schedule.base import ParentFacts, Schedule, Seen, SlicedConfig, Step, cumulative_lots
from router.schedule.vwap import slice_weights
from sim.kernel.streams import Streams

ADAPTER: TypeAdapter[Any] = TypeAdapter(ScheduleConfig)
NS = 1_000_000_000
KINDS: dict[str, dict[str, Any]] = {
    "immediate": {},
    "twap": {},
    "vwap": {"profile": [[0, 3], [0.25, 1], [0.75, 6]]},
    "pov": {"rate": "0.2", "min_rate": "0.1", "max_rate": "0.5"},
    "almgren_chriss": {"sigma": 0.02, "eta": 1e-5, "gamma": 1e-7, "risk_aversion": 0.1},
    "obizhaeva_wang": {"resilience": 0.5},
}


def config(kind: str, **keys: Any) -> Any:
    common = {} if kind == "immediate" else {"horizon": "60s", "slices": 6}
    return ADAPTER.validate_json(
        msgspec.json.encode({"kind": kind, **common, **KINDS[kind], **keys})
    )


def schedule(
    kind: str, lots: int = 100, *, name: str = "P", seed: int = 1, **keys: Any
) -> Schedule:
    facts = ParentFacts(name, lots, None, keys.pop("lots_out", None), float(lots))
    found: Schedule = config(kind, **keys).build(facts, Streams(seed).keyed("router", "schedule"))
    return found


def played(
    one: Schedule, fills: Any = None, *, start: int = 5 * NS, volume: int = 40, shown: int = 10
) -> list[tuple[int, Step]]:
    """All its steps; ``fills`` gives the lots done by each from what is released by then."""
    steps: list[tuple[int, Step]] = []
    now: int | None = start
    released = 0
    while now is not None and len(steps) < 200:
        done = released if fills is None else fills(len(steps), released)
        step = one.on_time(now, Seen(done, 0, volume * (len(steps) + 1), shown))
        assert step.next_ns is None or step.next_ns >= now
        steps.append((now, step))
        now, released = step.next_ns, step.released_qty
    return steps


def released(steps: list[tuple[int, Step]]) -> list[int]:
    return [step.released_qty for _, step in steps]


def test_the_table_holds_what_is_tested_here() -> None:
    names = [kind.model_fields["kind"].annotation.__args__[0] for kind in SCHEDULES]  # type: ignore[union-attr]
    assert names == list(KINDS)


def test_twap_releases_equal_slices_at_equal_distances() -> None:
    steps = played(schedule("twap"))
    assert [t_ns for t_ns, _ in steps] == [(5 + 10 * n) * NS for n in range(7)]
    assert released(steps) == [17, 33, 50, 67, 83, 100, 100]
    assert [step.number for _, step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert steps[-1][1].over == "take"
    assert all(step.over is None for _, step in steps[:-1])


def test_fewer_lots_than_slices_are_spread_over_all_of_them() -> None:
    assert released(played(schedule("twap", 2))) == [0, 1, 1, 1, 2, 2, 2]


def test_immediate_releases_all_of_it_once() -> None:
    assert played(schedule("immediate")) == [(5 * NS, Step(1, 5 * NS, 100, 100, None))]


def test_vwap_follows_its_profile() -> None:
    assert slice_weights([(0, 3), (0.25, 1), (0.75, 6)], 4) == [3, 0.5, 0.5, 6]
    assert slice_weights([(0, 1)], 3) == pytest.approx([1 / 3] * 3)
    assert released(played(schedule("vwap", 1000, slices=4))) == [300, 350, 400, 1000, 1000]


def test_vwap_without_a_profile_follows_what_is_displayed() -> None:
    one = schedule("vwap", 100, profile=None, slices=4)
    shown = [10, 30, 0, 5]
    found = [one.on_time(n, Seen(0, shown_qty=lots)).released_qty for n, lots in enumerate(shown)]
    # 10 of 10 + 3 x 10; then 30 of 30 + 2 x 20 of the 75 left; nothing; the rest.
    assert found == [25, 57, 57, 100]
    assert one.needs_shown


def test_pov_releases_its_share_of_what_others_trade() -> None:
    one = schedule("pov", 1000, rate="0.2", min_rate=None, max_rate=None)
    heard = [50, 90, 90, 190, 191, 194]
    found = [
        one.on_time(n * NS, Seen(0, volume_qty=lots)).released_qty for n, lots in enumerate(heard)
    ]
    assert found == [0, 10, 10, 35, 35, 36]
    assert one.needs_volume


def test_pov_hurries_and_dawdles_within_its_bounds() -> None:
    hurried = schedule("pov", 10_000, rate="0.2", max_rate="0.5", min_rate="0.1")
    assert released(played(hurried, lambda n, lots: 0))[:3] == [0, 40, 80]
    calm = schedule("pov", 10, rate="0.2", max_rate="0.5", min_rate="0.1")
    assert released(played(calm))[:3] == [0, 4, 8]


def test_pov_that_waits_goes_on_after_its_horizon() -> None:
    one = schedule("pov", 100, rate="0.2", min_rate=None, max_rate=None, at_end="wait")
    steps = played(one)
    assert released(steps) == [*range(0, 100, 10), 100]
    assert [step.over for _, step in steps] == [None] * 6 + ["wait"] * 5


def test_almgren_chriss_is_front_loaded_by_risk_aversion() -> None:
    straight = released(played(schedule("almgren_chriss", 600, risk_aversion=0)))
    assert straight == [100, 200, 300, 400, 500, 600, 600]
    averse = released(played(schedule("almgren_chriss", 600, risk_aversion=1)))
    assert all(one > other for one, other in zip(averse[:5], straight, strict=False))


def test_almgren_chriss_by_quantile_says_what_it_found() -> None:
    one = schedule("almgren_chriss", 600, risk_aversion=None, z=1.645, eta=0.005)
    played(one)
    notes = dict(one.notes())
    assert list(notes) == ["risk_aversion", "kappa", "expected_cost", "sd_cost"]
    fixed = schedule("almgren_chriss", 600, risk_aversion=float(notes["risk_aversion"]), eta=0.005)
    played(fixed)
    assert dict(fixed.notes())["sd_cost"][:8] == notes["sd_cost"][:8]
    assert float(notes["risk_aversion"]) == pytest.approx(1.645 / 2 / float(notes["sd_cost"]))


def test_almgren_chriss_by_a_large_quantile_trades_at_once() -> None:
    one = schedule("almgren_chriss", 600, risk_aversion=None, z=100.0, gamma=0.0, eta=1e-9)
    assert released(played(one))[0] == 600
    assert dict(one.notes())["kappa"] == "inf"


def test_obizhaeva_wang_has_a_block_at_each_end() -> None:
    lots = released(played(schedule("obizhaeva_wang", 1000, resilience=0.0)))
    assert lots == [500, 500, 500, 500, 500, 1000, 1000]
    lots = released(played(schedule("obizhaeva_wang", 1000, resilience=100.0)))
    assert lots[:6] == [167, 333, 500, 667, 833, 1000]


# Catching up


def test_carried_lots_stand_beside_those_of_the_next_slice() -> None:
    assert released(played(schedule("twap", 60), lambda n, lots: 0))[:6] == [10, 20, 30, 40, 50, 60]


def test_spread_lots_are_shared_by_all_slices_that_are_left() -> None:
    def fills(n: int, lots: int) -> int:
        return 0 if n < 3 else lots  # nothing of the first two slices, then all

    assert released(played(schedule("twap", 60, catch_up="spread"), fills)) == [
        10, 12, 15, 30, 45, 60, 60,
    ]  # fmt: skip


def test_lots_left_to_the_end_do_not_add_to_a_slice() -> None:
    steps = played(schedule("twap", 60, catch_up="end"), lambda n, lots: 0)
    assert released(steps) == [10, 10, 10, 10, 10, 10, 60]


def test_no_more_lots_are_out_than_allowed_but_the_end_takes_all() -> None:
    steps = played(schedule("twap", 60, lots_out=12), lambda n, lots: 0)
    assert released(steps) == [10, 12, 12, 12, 12, 12, 60]
    steps = played(schedule("twap", 60, lots_out=4, at_end="wait"))
    assert released(steps) == list(range(4, 61, 4))


def test_the_cap_of_the_moment_counts_too() -> None:
    one = schedule("twap", 60)
    assert one.on_time(0, Seen(0, cap_qty=3)).released_qty == 3
    assert one.on_time(10 * NS, Seen(3, cap_qty=50)).released_qty == 20


@pytest.mark.parametrize("at_end", ["take", "cancel"])
def test_after_the_end_nothing_follows(at_end: str) -> None:
    last = played(schedule("twap", 60, at_end=at_end), lambda n, lots: 0)[-1][1]
    assert (last.over, last.next_ns) == (at_end, None)
    assert last.released_qty == 60


def test_without_a_horizon_the_deadline_is_the_end() -> None:
    facts = ParentFacts("P", 60, 65 * NS)
    steps = played(config("twap", horizon=None).build(facts, Streams(1).keyed("x")))
    assert [t_ns for t_ns, _ in steps][-2:] == [55 * NS, 65 * NS]
    with pytest.raises(ValueError, match="neither a horizon nor a deadline"):
        config("twap", horizon=None).build(ParentFacts("P", 60), Streams(1).keyed("x"))


# Chance

JITTER = {"time": 0.5, "size": 0.5}


def test_jitter_moves_slices_later_and_changes_their_sizes_but_not_the_sum() -> None:
    steps = played(schedule("twap", 6000, jitter=JITTER))
    plan = played(schedule("twap", 6000))
    steps = [one for one in steps if one[1].number]
    for (t_ns, step), (planned_ns, planned) in zip(steps[:6], plan, strict=False):
        assert planned_ns < t_ns < planned_ns + 5 * NS
        assert (step.due_ns, step.planned_qty) == (planned_ns, planned.planned_qty)
    sizes = [after - before for before, after in pairwise([0, *released(steps)[:6]])]
    assert sum(sizes) == 6000
    assert len(set(sizes)) == 6
    assert steps[6][0] == 65 * NS


def test_chance_belongs_to_the_parent_and_the_number_of_the_slice() -> None:
    def offsets(**keys: Any) -> list[int]:
        found = played(schedule("twap", 6000, jitter=JITTER, **keys))
        return [t_ns - step.due_ns for t_ns, step in found if 0 < step.number <= 6]

    usual = offsets()
    assert offsets() == usual
    assert offsets(catch_up="spread", at_end="cancel", lots_out=3000) == usual
    assert offsets(seed=2) != usual
    assert offsets(name="Q") != usual
    assert [2 * gap for gap in offsets(horizon="30s")] == pytest.approx(usual, abs=2)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "immediate"])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_released_never_falls_never_exceeds_the_order_and_sums_exactly(
    kind: str, data: st.DataObject
) -> None:
    lots = data.draw(st.integers(1, 10_000), label="lots")
    keys: dict[str, Any] = {
        "slices": data.draw(st.integers(2, 12), label="slices"),
        "jitter": {
            "time": data.draw(st.floats(0, 0.99), label="time"),
            "size": data.draw(st.floats(0, 1), label="size"),
        },
        "catch_up": data.draw(st.sampled_from(["carry", "spread", "end"]), label="catch_up"),
        "at_end": data.draw(st.sampled_from(["take", "cancel", "wait"]), label="at_end"),
    }
    if kind == "vwap" and data.draw(st.booleans(), label="by display"):
        keys["profile"] = None
    most = data.draw(st.none() | st.integers(1, lots), label="most")
    one = schedule(kind, lots, seed=data.draw(st.integers(0, 9)), lots_out=most, **keys)
    now: int | None = 0
    out = done = volume = 0
    step = Step(0, 0, 0, 0, 0)
    for _ in range(100):
        assert now is not None
        done = data.draw(st.integers(done, out), label="done")
        reserved = data.draw(st.integers(0, out - done), label="open")
        volume += data.draw(st.integers(0, 500), label="volume")
        shown = data.draw(st.integers(0, 100), label="shown")
        step = one.on_time(now, Seen(done, reserved, volume, shown))
        assert out <= step.released_qty <= lots
        assert step.planned_qty <= lots
        if most is not None and step.over != "take":
            assert step.released_qty <= max(out, done + most)
        out = step.released_qty
        if step.over is not None:
            break
        now = step.next_ns
    assert step.over == keys["at_end"]
    if step.over == "take" or (step.over == "wait" and most is None and kind != "pov"):
        assert out == lots


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.integers(0, 10**9))
@settings(max_examples=100, deadline=None)
def test_cumulative_rounding_is_within_half_a_lot_of_the_plan(
    weights: list[float], lots: int
) -> None:
    if not any(weights):
        with pytest.raises(ValueError, match="one weight at least must be > 0"):
            cumulative_lots(weights, lots)
        return
    found = cumulative_lots(weights, lots)
    assert found[-1] == lots
    assert all(before <= after for before, after in pairwise([0, *found]))
    total = sum(weights)
    for n, one in enumerate(found):
        assert abs(one - lots * sum(weights[: n + 1]) / total) <= 0.5 + 1e-6 * lots


# Bad input


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("vwap", {"profile": [[0.1, 1]]}, "must begin at 0"),
        ("vwap", {"profile": [[0, 1], [0, 2]]}, "must begin after the one before it"),
        ("vwap", {"profile": [[0, 0]]}, "one weight at least must be > 0"),
        ("pov", {"min_rate": "0.3"}, "rate must lie between min_rate and max_rate"),
        ("pov", {"max_rate": "0.1"}, "rate must lie between min_rate and max_rate"),
        ("almgren_chriss", {"z": 1.0}, "needs either risk_aversion or z"),
        ("almgren_chriss", {"risk_aversion": None}, "needs either risk_aversion or z"),
        ("obizhaeva_wang", {"slices": 1}, "greater than or equal to 2"),
        ("twap", {"jitter": {"time": 1}}, "less than 1"),
    ],
)
def test_keys_that_make_no_sense_are_refused(kind: str, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(kind, **keys)


def test_a_horizon_too_short_for_the_model_or_the_slices_is_a_problem() -> None:
    one: SlicedConfig = config("almgren_chriss", gamma=1e-5)
    assert one.problem(2 * 6 * NS - 1) is None
    assert "eta must be > gamma * tau / 2" in (one.problem(3 * 6 * NS) or "")
    other: SlicedConfig = config("twap", slices=100)
    assert other.problem(100_000) is None
    assert "100 slices over 99999ns would follow each other" in (other.problem(99_999) or "")
