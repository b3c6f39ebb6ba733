"""How venues stand with the router: strikes, holds, silence, quarantine, trading states."""

import pytest

from router.core.standing import FOR_NOW, Hold, Standing
from router.settings.backoff import BackoffConfig
from sim.protocol.enums import RejectReason, TradingState


def standing(**rule: object) -> Standing:
    usual = {"first": "10ns", "factor": 3, "max": "100ns", "stop_after": 6}
    return Standing(("A", "B"), BackoffConfig.model_validate({**usual, **rule}))


def strike(stands: Standing, now: int) -> Hold | None:
    return stands.strike("A", "rejected_throttled", now, now)


def test_each_hold_is_longer_than_the_one_before_up_to_the_longest() -> None:
    stands = standing()
    lengths = []
    for now in range(0, 5_000, 1_000):
        hold = strike(stands, now)
        assert hold is not None
        assert hold.until_ns is not None
        lengths.append(hold.until_ns - now)
        assert stands.over("A", hold.until_ns)
    assert lengths == [10, 30, 90, 100, 100]


def test_F18_after_so_many_strikes_a_venue_is_not_used_again() -> None:
    stands = standing(stop_after=3)
    holds = [strike(stands, now) for now in (0, 100, 200)]
    assert holds[2] == Hold("A", None, 3, "rejected_throttled")
    assert stands.out == stands.gone == {"A": "stopped"}
    assert strike(stands, 300) is None


def test_the_first_strikes_may_be_free() -> None:
    stands = standing(after=3)
    assert [strike(stands, now) is None for now in (0, 1, 2)] == [True, True, False]


def test_what_left_before_a_hold_began_adds_no_strike() -> None:
    stands = standing()
    stands.strike("A", "rejected_throttled", 0, 50)
    assert stands.strike("A", "rejected_throttled", 50, 70) is None
    later = stands.strike("A", "rejected_throttled", 61, 80)
    assert later is not None
    assert later.strikes == 2


def test_an_order_that_is_taken_clears_the_strikes() -> None:
    stands = standing()
    strike(stands, 0)
    stands.accepted("A")
    hold = strike(stands, 100)
    assert hold is not None
    assert hold.strikes == 1


def test_a_hold_is_over_when_it_is_over_and_not_before() -> None:
    stands = standing()
    strike(stands, 0)
    assert stands.out == {"A": "on_hold"}
    assert not stands.over("A", 9)
    assert stands.over("A", 10)
    assert stands.out == {}
    assert not stands.over("A", 11)  # only once


def test_a_silent_venue_is_used_again_when_it_says_something() -> None:
    stands = standing()
    assert stands.silent("A") == Hold("A", None, 0, "no_answer")
    assert stands.silent("A") is None
    assert stands.gone == {"A": "no_answer"}
    assert stands.answered("A", 7) == Hold("A", 7, 0, "answered")
    assert stands.answered("A", 8) is None
    assert stands.out == {}


def test_a_quarantine_is_for_good() -> None:
    stands = standing()
    assert stands.quarantine("A", "overfill") == Hold("A", None, 0, "overfill")
    assert stands.quarantine("A", "conflict") is None
    assert stands.silent("A") is None
    assert stands.answered("A", 9) is None
    assert stands.out == {"A": "quarantine"}


@pytest.mark.parametrize("state", [TradingState.PRE_OPEN, TradingState.HALTED, TradingState.CLOSED])
def test_F19_a_venue_that_does_not_trade_is_out_but_not_gone(state: TradingState) -> None:
    stands = standing()
    assert stands.on_state("A", state)
    assert not stands.on_state("A", state)
    assert (stands.out, stands.gone) == ({"A": state.value}, {})
    assert stands.on_state("A", TradingState.OPEN)
    assert stands.out == {}


def test_trading_again_ends_a_hold_for_not_trading_and_no_other() -> None:
    closed, throttled = standing(), standing()
    closed.strike("A", "rejected_exchange_closed", 0, 0)
    strike(throttled, 0)
    for stands in (closed, throttled):
        stands.on_state("A", TradingState.HALTED)
        stands.on_state("A", TradingState.OPEN)
    assert (closed.out, throttled.out) == ({}, {"A": "on_hold"})


def test_every_reason_has_its_rule() -> None:
    """A new reason must be sorted in: what says nothing about the order is refused for now."""
    of_the_order = {
        RejectReason.ORDER_EXCEEDS_LIMIT,
        RejectReason.DUPLICATE_ORDER,
        RejectReason.INCORRECT_QUANTITY,
        RejectReason.INVALID_PRICE_INCREMENT,
        RejectReason.PRICE_EXCEEDS_BAND,
        RejectReason.SHORT_SALE_RESTRICTED,
        RejectReason.UNSUPPORTED_ORDER,
        RejectReason.POST_ONLY_WOULD_TRADE,
        RejectReason.STOP_PRICE_REACHED,
        RejectReason.UNKNOWN_ORDER,
    }
    assert of_the_order | FOR_NOW == set(RejectReason)
    assert not of_the_order & FOR_NOW


def test_a_venue_may_have_a_back_off_of_its_own_and_the_rest_as_the_others() -> None:
    rule = BackoffConfig.model_validate(
        {"first": "10ns", "factor": 3, "venues": [{"venue": "B", "first": "40ns", "stop_after": 2}]}
    )
    stands = Standing(("A", "B"), rule)
    assert stands.strike("A", "silent", 0, 0) == Hold("A", 10, 1, "silent")
    assert stands.strike("B", "silent", 0, 0) == Hold("B", 40, 1, "silent")
    assert stands.strike("A", "silent", 10, 10) == Hold("A", 40, 2, "silent")
    assert stands.strike("B", "silent", 50, 50) == Hold("B", None, 2, "silent")
    assert stands.gone == {"B": "stopped"}


def test_a_pause_by_our_own_throttle_is_apart_from_holds() -> None:
    stands = standing()
    strike(stands, 0)  # held until 10
    assert stands.pause("A", 25)
    assert not stands.pause("A", 20)
    assert stands.out == {"A": "on_hold"}
    assert stands.over("A", 10)
    assert stands.out == {"A": "message_throttle"}
    assert not stands.over("A", 24)
    assert stands.over("A", 25)
    assert stands.out == {}
