"""The pure parts: mids over time, and one execution's price in parts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.report.tca.mids import Average, Mids
from sim.report.tca.split import Arrival, Parts, Way, split
from sim.report.trail.market import NO_PX, NbboSeries

NO = -1
BEFORE_ALL = -1


def mids_of(*states: tuple[int, int, int, bool]) -> Mids:
    """Of states (when, bid, ask, whether of our own making)."""
    series = NbboSeries()
    for t, bid, ask, own in states:
        series.t_ns.append(t)
        series.bid.append(NO_PX if bid == NO else bid)
        series.ask.append(NO_PX if ask == NO else ask)
        series.venue.append(0 if own else 1)
        series.opening.append(0)
    series.mark_own({(0, t) for t, *_ in states})
    return Mids(series)


# A market at 99/101 that others move up at 10 and 30, and we at 20.
MARKET = mids_of(
    (0, 99, 101, False), (10, 100, 102, False), (20, 100, 104, True), (30, 102, 106, False)
)


def test_a_state_counts_from_its_instant_and_own_ones_after_our_executions() -> None:
    assert [MARKET.at(t) for t in (-1, 0, 9, 10, 20, 99)] == [BEFORE_ALL, 0, 0, 1, 2, 3]
    assert [MARKET.before_own(t) for t in (0, 10, 20, 21)] == [0, 1, 1, 2]
    assert [MARKET.mid_x2(n) for n in range(4)] == [200, 202, 204, 208]
    assert [MARKET.own_x2(n) for n in range(-1, 4)] == [0, 0, 0, 2, 2]


def test_others_moves_at_our_instant_come_first_and_later_ones_after() -> None:
    market = mids_of((0, 1, 3, False), (5, 2, 3, False), (5, 2, 9, True), (5, 4, 9, False))
    assert market.before_own(5) == 1
    assert market.at(5) == 3
    assert market.own_x2(3) == 6


def test_an_empty_side_leaves_the_last_mid_and_says_so() -> None:
    market = mids_of((0, NO, 3, False), (1, 1, 3, False), (2, 1, NO, True), (3, 1, 5, False))
    assert [market.mid_x2(n) for n in range(4)] == [None, 4, 4, 6]
    assert [market.is_known(n) for n in range(4)] == [False, True, False, True]
    assert market.own_x2(3) == 0, "who emptied a side did not name a new price"
    assert market.best(2, ask=True) is None
    assert market.best(BEFORE_ALL, ask=False) is None
    assert market.average(0, 5) == Average(4 * 1 + 6 * 2, 3)
    assert market.average(2, 3) == Average(0, 0)


def test_nothing_known_is_empty() -> None:
    assert mids_of().is_empty
    assert mids_of((0, NO, 5, False)).is_empty
    assert not MARKET.is_empty
    assert mids_of().average(0, 10) == Average(0, 0)


def test_a_taker_pays_delay_spread_and_what_lies_beyond_the_best_price() -> None:
    # Sent at 5, there at 12, filled two ticks above the best offer of 102.
    parts = split(MARKET, Arrival(1, 200, 0), Way(5, 12, 12, 104, is_maker=False))
    assert parts == Parts(delay=2, spread=2, impact=4, timing=0, guessed=False)


def test_our_own_move_is_impact_and_no_timing() -> None:
    parts = split(MARKET, Arrival(1, 200, 0), Way(25, 25, 25, 104, is_maker=False))
    assert parts == Parts(delay=0, spread=4, impact=2, timing=2, guessed=False)


def test_what_we_moved_before_the_order_came_is_none_of_its_impact() -> None:
    parts = split(MARKET, Arrival(1, 204, 2), Way(25, 25, 25, 104, is_maker=False))
    assert parts == Parts(delay=0, spread=4, impact=0, timing=0, guessed=False)


def test_a_price_inside_the_spread_is_less_spread_and_no_impact() -> None:
    parts = split(MARKET, Arrival(1, 200, 0), Way(0, 0, 0, 100, is_maker=False))
    assert parts == Parts(delay=0, spread=0, impact=0, timing=0, guessed=False)


def test_an_order_that_rested_earns_the_spread_and_bears_the_markets_way() -> None:
    parts = split(MARKET, Arrival(1, 200, 0), Way(0, 1, 12, 100, is_maker=True))
    assert parts == Parts(delay=0, spread=-2, impact=0, timing=2, guessed=False)


def test_a_sale_has_the_signs_turned() -> None:
    parts = split(MARKET, Arrival(-1, 200, 0), Way(5, 12, 12, 98, is_maker=False))
    assert parts == Parts(delay=-2, spread=2, impact=4, timing=0, guessed=False)


prices = st.integers(-1, 12)
states = st.lists(st.tuples(st.integers(0, 9), prices, prices, st.booleans()), max_size=12)


@settings(max_examples=25)
@given(
    states=states,
    sign=st.sampled_from([1, -1]),
    mid0=st.integers(0, 24),
    own0=st.integers(-9, 9),
    times=st.tuples(*[st.integers(0, 10)] * 3),
    px=st.integers(0, 12),
    is_maker=st.booleans(),
)
def test_the_parts_add_up_to_the_whole_in_any_market(
    states: list[tuple[int, int, int, bool]],
    sign: int,
    mid0: int,
    own0: int,
    times: tuple[int, int, int],
    px: int,
    is_maker: bool,
) -> None:
    market = mids_of(*sorted(states, key=lambda state: state[0]))
    sent, met, done = sorted(times)
    parts = split(market, Arrival(sign, mid0, own0), Way(sent, met, done, px, is_maker))
    assert sum(parts[:4]) == sign * (2 * px - mid0)
