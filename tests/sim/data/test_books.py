"""The book that converters rebuild."""

from sim.data.books import LevelBook
from sim.protocol.enums import Side
from sim.protocol.market_data import LevelChange
from sim.protocol.units import PriceTicks, QtyLots


def change(side: Side, price: int, qty: int) -> LevelChange:
    return LevelChange(side, PriceTicks(price), QtyLots(qty))


def test_only_true_changes_are_returned() -> None:
    book = LevelBook()
    assert book.apply(Side.BUY, [(10, 5), (9, 0)]) == [change(Side.BUY, 10, 5)]
    assert book.apply(Side.BUY, [(10, 5)]) == []
    assert book.apply(Side.BUY, [(10, 0)]) == [change(Side.BUY, 10, 0)]
    assert not book.bids


def test_best_and_nth() -> None:
    book = LevelBook()
    assert book.best() is None
    book.apply(Side.BUY, [(8, 1), (10, 1), (9, 1)])
    assert book.nth(2) is None
    book.apply(Side.SELL, [(12, 1), (11, 1)])
    assert book.best() == (10, 11)
    assert book.nth(1) == (10, 11)
    assert book.nth(2) == (9, 12)
    assert book.nth(3) == (8, 12)
    assert book.nth(99) == (8, 12)


def test_replacing_a_side_says_what_changed() -> None:
    book = LevelBook()
    book.apply(Side.SELL, [(11, 1), (12, 2), (13, 3)])
    changes = book.replace(Side.SELL, [(12, 2), (13, 4), (14, 5)])
    assert changes == [change(Side.SELL, p, q) for p, q in ((11, 0), (13, 4), (14, 5))]
    assert dict(book.asks) == {12: 2, 13: 4, 14: 5}
