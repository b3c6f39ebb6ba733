"""What the router learns of a venue from its own reports, and what that leaves unlearnt."""

from fractions import Fraction

import pytest

from router.core.experience import MEMORY, PRIOR_WEIGHT, WINDOW, Experience
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from sim.protocol.enums import DecisionReason, OrdStatus, Side, TimeInForce

FREE = (Fraction(1), Fraction(0))
MS = 1_000_000


def profile(venue_id: str = "A", risk: str = "0", latency_ns: int = 5 * MS) -> VenueProfile:
    return VenueProfile(venue_id, "lit", latency_ns, 1, 1, FREE, FREE, Fraction(risk))


def child(
    cum_qty: int,
    order_qty: int = 100,
    *,
    venue_id: str = "A",
    status: OrdStatus = OrdStatus.CANCELED,
    tif: TimeInForce = TimeInForce.IOC,
    cancels: int = 0,
    reason: DecisionReason | None = None,
) -> Child:
    parent = Parent("P", Side.BUY, 1_000)
    made = Child("P.A.1", parent, venue_id, Side.BUY, order_qty, 100, 1, order_qty, 100, tif)
    made.cum_qty, made.status, made.cancels, made.cancel_reason = cum_qty, status, cancels, reason
    return made


def answered(learnt: Experience, *delays_ns: int, back_ns: int = 0) -> None:
    for delay_ns in delays_ns:
        learnt.on_first_report(child(0), delay_ns, delay_ns + back_ns)


# ------------------------------------------------------------ delays


def test_before_any_answer_the_delay_is_the_one_that_was_expected() -> None:
    learnt = Experience((profile(),))
    assert learnt.order_delay_ns("A") == 5 * MS
    assert learnt.response_delay_ns("A") == 0


def test_the_delay_is_the_median_of_what_was_measured() -> None:
    learnt = Experience((profile(), profile("B")))
    answered(learnt, 9 * MS, 7 * MS, 8 * MS, back_ns=3 * MS)
    assert learnt.order_delay_ns("A") == 8 * MS
    assert learnt.response_delay_ns("A") == 3 * MS
    assert learnt.order_delay_ns("B") == 5 * MS, "each venue by itself"


def test_of_two_delays_the_median_is_the_lower_one() -> None:
    learnt = Experience((profile(),))
    answered(learnt, 9 * MS, 7 * MS)
    assert learnt.order_delay_ns("A") == 7 * MS


def test_stalls_do_not_move_the_delay() -> None:
    """A robust estimate: less than half of the answers, however late, change next to nothing."""
    learnt = Experience((profile(),))
    answered(learnt, *[(10 + n % 3) * MS for n in range(40)], *[10_000 * MS] * 19)
    assert learnt.order_delay_ns("A") <= 12 * MS


def test_a_venue_that_has_become_slower_is_known_to_be_after_half_a_window() -> None:
    learnt = Experience((profile(),))
    answered(learnt, *[5 * MS] * 1_000)
    answered(learnt, *[9 * MS] * (WINDOW // 2 + 1))
    assert learnt.order_delay_ns("A") == 9 * MS


def test_a_stamp_before_the_sending_counts_as_no_delay() -> None:
    learnt = Experience((profile(),))
    late = child(0)
    late.sent_ns = 100
    learnt.on_first_report(late, 90, 80)
    assert (learnt.order_delay_ns("A"), learnt.response_delay_ns("A")) == (0, 0)


# ------------------------------------------------------------ chances


def test_before_any_child_the_chance_is_the_stated_one() -> None:
    learnt = Experience((profile(risk="0.1"),))
    assert learnt.fill_probability("A") == Fraction(9, 10)
    assert learnt.reliability("A") == 1
    assert learnt.fill_risk("A") == Fraction(1, 10)


def test_the_chance_weighs_what_was_stated_with_what_was_filled() -> None:
    """Twenty children's worth of nine tenths, and ten children that filled a half."""
    learnt = Experience((profile(risk="0.1"),), prior_weight=20)
    for _ in range(10):
        learnt.on_over(child(50))
    assert learnt.fill_probability("A") == (20 * Fraction(9, 10) + 5) / 30
    assert learnt.reliability("A") == 1


def test_many_children_tell_more_than_the_stated_chance() -> None:
    learnt = Experience((profile(risk="0.1"),))
    for _ in range(MEMORY):
        learnt.on_over(child(0))
    assert 0 < learnt.fill_probability("A") < Fraction(2, 100)
    for _ in range(MEMORY):
        learnt.on_over(child(100, status=OrdStatus.FILLED))
    assert learnt.fill_probability("A") > Fraction(99, 100), "what is old is forgotten"


def test_a_refusal_and_a_silence_count_against_the_reliability_alone() -> None:
    learnt = Experience((profile(),))
    learnt.on_over(child(0, status=OrdStatus.REJECTED))
    learnt.on_silence("A")
    learnt.on_over(child(0, cancels=1, reason=DecisionReason.TIMEOUT))
    assert learnt.fill_probability("A") == 1
    assert learnt.reliability("A") == Fraction(PRIOR_WEIGHT, PRIOR_WEIGHT + 2)
    assert learnt.fill_risk("A") == Fraction(90_909, 1_000_000), "2 in 22, to the millionth"


def test_what_we_canceled_ourselves_says_nothing_of_the_lots_there() -> None:
    learnt = Experience((profile(),))
    learnt.on_over(child(10, cancels=1))
    assert learnt.fill_probability("A") == 1


def test_what_rested_says_nothing_of_what_is_had_at_once() -> None:
    learnt = Experience((profile(),), prior_weight=1)
    learnt.on_over(child(25, tif=TimeInForce.DAY))
    assert learnt.fill_probability("A") == 1


def test_the_stated_chance_needs_some_weight() -> None:
    with pytest.raises(ValueError, match="prior_weight must be >= 1 child, was 0"):
        Experience((), prior_weight=0)


@pytest.mark.parametrize("stamp", [-86_400_000 * MS, 86_400_000 * MS])
def test_D09_a_venues_clock_that_is_a_day_off_teaches_no_more_than_the_whole_way(
    stamp: int,
) -> None:
    learnt = Experience((profile(),))
    sent = child(0)
    sent.sent_ns = 10 * MS
    learnt.on_first_report(sent, stamp, 14 * MS)
    assert sorted((learnt.order_delay_ns("A"), learnt.response_delay_ns("A"))) == [0, 4 * MS]
