"""The best prices over venues, as one observer has received them."""

from sim.protocol.nbbo import Nbbo


def test_best_prices_follow_each_venue_up_and_down() -> None:
    nbbo = Nbbo()
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (None, None, None)
    nbbo.on_touch("A", 100, 103)
    nbbo.on_touch("B", 101, 104)
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (101, 103, 204)
    nbbo.on_touch("B", 99, None)
    assert (nbbo.bid, nbbo.ask) == (100, 103)
    nbbo.on_touch("A", None, 105)
    assert (nbbo.bid, nbbo.ask) == (99, 105)


def test_quotes_that_cross_are_shown_as_they_came() -> None:
    nbbo = Nbbo()
    nbbo.on_touch("A", 105, 106)
    nbbo.on_touch("B", 99, 101)
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (105, 101, 206)
