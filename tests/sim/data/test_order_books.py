"""What the checks of rebuilt books note."""

from pathlib import Path

from sim.data.events import BID, SCALE, Event, make_block
from sim.data.inspection import Problems
from sim.data.order_books import BookChecks


def test_D04_a_book_is_noted_when_it_becomes_crossed_and_not_again_until_it_was_not() -> None:
    problems = Problems(Path("x"), strict=False)
    checks = BookChecks(problems)
    # Bids at 10 and 12 and an ask at 11: crossed at 2, at the print of 3, open at 4, crossed at 5.
    rows = [
        (1, Event.LEVEL, BID, 10, 5),
        (1, Event.LEVEL, -BID, 11, 5),
        (2, Event.LEVEL, BID, 12, 5),
        (3, Event.TRADE, 0, 12, 1),
        (4, Event.LEVEL, BID, 12, 0),
        (5, Event.LEVEL, BID, 12, 5),
    ]
    for t_ns, event, side, price, qty in rows:
        block = make_block(
            1, t_ns=t_ns, event=int(event), side=side, price=price * SCALE, qty=qty, line=t_ns
        )
        checks.play(block, ("V",))
    checks.close(("V",))
    assert problems.counts == {"crossed book": 2}
    assert [one.line for one in problems.listed()] == [2, 5]
