"""The invariants find what they are there for: each is broken here, by a record or in an object.

Real logs are changed in one place, so that everything but that place is as it should be.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from sim.audit.invariants import Invariants
from sim.audit.records import (
    BookAtArrival,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    Quote,
    Record,
    RunStarted,
    TradePrint,
)
from sim.protocol.enums import EndReason, Side
from sim.protocol.errors import InvariantError
from sim.scenario.load import load_scenario
from sim.world import run_world

Records = list[Record]
Change = Callable[[Records], Records]
ReadRecords = Callable[[bytes], tuple[Record, ...]]


@pytest.fixture(scope="module")
def of(read_records: ReadRecords) -> Callable[[str], Records]:
    """The records of a shipped scenario's run."""
    known: dict[str, Records] = {}

    def run(name: str) -> Records:
        if name not in known:
            log = run_world(load_scenario(name)).log
            assert log is not None
            known[name] = list(read_records(log))
        return list(known[name])

    return run


# ------------------------------------------------------------ how real logs are changed


def at(records: Records, kind: type[Record], n: int = 0) -> int:
    """Where the n-th record of a kind stands."""
    return [i for i, record in enumerate(records) if type(record) is kind][n]


def with_(kind: type[Record], n: int = 0, **fields: Any) -> Change:
    """The n-th record of a kind says something else; a function gets what it says."""

    def change(records: Records) -> Records:
        place = at(records, kind, n)
        old = records[place]
        new = {
            name: value(getattr(old, name)) if callable(value) else value
            for name, value in fields.items()
        }
        return [*records[:place], replace(old, **new), *records[place + 1 :]]

    return change


def without(kind: type[Record], n: int = 0) -> Change:
    def change(records: Records) -> Records:
        place = at(records, kind, n)
        return [*records[:place], *records[place + 1 :]]

    return change


def twice(kind: type[Record], n: int = 0) -> Change:
    def change(records: Records) -> Records:
        place = at(records, kind, n)
        return [*records[: place + 1], *records[place:]]

    return change


def later(kind: type[Record], n: int = 0) -> Change:
    """The n-th record of a kind stands behind its successor."""

    def change(records: Records) -> Records:
        place = at(records, kind, n)
        rest = [*records[:place], *records[place + 1 :]]
        return [*rest[: place + 1], records[place], *rest[place + 1 :]]

    return change


def more(by: int) -> Callable[[int], int]:
    return lambda value: value + by


def bad_split(records: Records) -> Records:
    place = at(records, Decision)
    decision = records[place]
    assert isinstance(decision, Decision)
    part = replace(decision.split[0], qty=decision.split[0].qty + 1)
    split = (part, *decision.split[1:])
    return [*records[:place], replace(decision, split=split), *records[place + 1 :]]


def quote_of_the_future(records: Records) -> Records:
    """A decision says that it knew a newer quote at an older time than it was published."""
    place = at(records, Decision, 1)
    decision = records[place]
    assert isinstance(decision, Decision)
    quotes = [
        replace(quote, venue_seq=10**6, age_ns=decision.t_ns - 1) for quote in decision.quotes
    ]
    changed = replace(decision, quotes=tuple(quotes))
    return [*records[:place], changed, *records[place + 1 :]]


def negative_age(records: Records) -> Records:
    place = at(records, Decision)
    decision = records[place]
    assert isinstance(decision, Decision)
    quotes = (replace(decision.quotes[0], age_ns=-1), *decision.quotes[1:])
    return [*records[:place], replace(decision, quotes=quotes), *records[place + 1 :]]


# ------------------------------------------------------------ real logs, changed in one place


class Case(NamedTuple):
    """A shipped scenario's log, what is changed in it, and what is said of that."""

    name: str
    log: str
    change: Change
    says: str


def cases(*rows: tuple[str, str, Change, str]) -> pytest.MarkDecorator:
    found = [Case(*row) for row in rows]
    return pytest.mark.parametrize("case", found, ids=[case.name for case in found])


@pytest.fixture
def found_in(of: Callable[[str], Records]) -> Callable[[Case], None]:
    """The log is sound as it is, and its change is found."""

    def find(case: Case) -> None:
        records = of(case.log)
        sound = Invariants()
        sound.take(records)
        sound.check()
        with pytest.raises(InvariantError, match=case.says):
            Invariants().take(case.change(records))

    return find


@cases(
    ("a_lost_fill", "fragmented", without(Fill), "I1: parent P1 .* ends with|I5"),
    ("open_lots_that_a_fill_says", "partial_fill", with_(Fill, leaves_qty=more(1)), "I1: child"),
    ("filled_lots_that_a_fill_says", "partial_fill", with_(Fill, cum_qty=more(1)), "I1: child"),
    ("lots_lost_at_an_end", "partial_fill", with_(ChildCanceled, canceled_qty=more(-1)), "I1: ch"),
    ("filled_at_an_end", "partial_fill", with_(ChildCanceled, cum_qty=more(1)), "I1: child"),
    ("an_end_without_a_record", "partial_fill", without(ChildCanceled), "I2|I14|I1"),
    ("lots_given_up", "fragmented", with_(ParentDone, canceled_qty=1), "I1: parent P1"),
)
def test_I1_what_was_ordered_is_filled_open_or_canceled(
    case: Case, found_in: Callable[[Case], None]
) -> None:
    found_in(case)


@cases(
    ("a_fill_of_more_than_open", "fragmented", with_(Fill, last_qty=more(10**6)), "I2: child"),
    ("a_fill_of_nothing", "fragmented", with_(Fill, last_qty=0), "I2: child"),
    ("a_fill_for_another_parent", "two_parents", with_(Fill, parent_id="?"), "I2: child"),
    ("an_order_of_nothing", "fragmented", with_(ParentReceived, order_qty=0), "I2: parent"),
    ("a_smaller_order", "fragmented", with_(ParentReceived, order_qty=99_999), "I2: decision"),
    ("more_split_than_there_is", "fragmented", bad_split, "I2: decision 1 places 1 lots more"),
    ("more_to_place", "partial_fill", with_(Decision, 1, unreserved_qty=more(1)), "I2: decision"),
    ("the_other_side", "fragmented", with_(ChildSent, side=Side.SELL), "I2: child"),
)
def test_I2_no_more_than_was_ordered(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("a_second_end", "partial_fill", twice(ChildCanceled), "I3: child .* is canceled after"),
    ("the_same_fill_again", "placement", twice(Fill, 1), "I3: report .* is booked twice"),
    ("a_fill_after_the_end", "fragmented", twice(Fill), "I3: child .* is filled after its end"),
    ("an_ack_after_the_end", "fragmented", later(ChildAcked), "I3: child .* is acked after"),
    ("a_child_twice", "fragmented", twice(ChildSent), "I3: child .* was sent before|I14"),
    ("a_parent_twice", "fragmented", twice(ParentReceived), "I3: parent P1 was received before"),
    ("a_parent_ends_twice", "fragmented", twice(ParentDone), "I3: parent P1 has ended before"),
    ("a_child_never_sent", "fragmented", without(ChildSent), "I3: child .* was never sent"),
    ("another_venue", "fragmented", with_(ChildAcked, 1, venue_id="NYSE"), "I3: child .* not NYSE"),
    ("an_end_of_a_filled_child", "partial_fill", later(ChildCanceled), "I3|I1|I2"),
)
def test_I3_one_end_and_nothing_after_it(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    (
        "a_cancel_of_what_has_ended",
        "rejects_and_timeouts",
        with_(CancelSent, orig_cl_ord_id=""),
        "I3",
    ),
)
def test_I4_nothing_is_asked_of_what_has_ended(
    case: Case, found_in: Callable[[Case], None]
) -> None:
    found_in(case)


@cases(
    ("filled_at_the_end", "fragmented", with_(ParentDone, filled_qty=more(-1)), "I5: parent P1"),
)
def test_I5_children_add_up_to_their_parent(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("a_print_of_nothing", "fragmented", with_(TradePrint, qty=0), "I10: .* prints 0 lots"),
    ("a_print_at_no_price", "fragmented", with_(TradePrint, price=0), "I10: .* at 0"),
)
def test_I10_a_print_has_lots_and_a_price(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("lots_without_a_price", "fragmented", with_(Quote, bid_px=None, bid_qty=1), "I7: .* bid"),
    ("a_price_without_lots", "fragmented", with_(Quote, ask_qty=0), "I7: .* ask of 0"),
    ("negative_lots", "two_parents", with_(Quote, ask_qty=-5), "I7: .* ask of -5"),
)
def test_I7_a_quote_has_lots_where_it_has_a_price(
    case: Case, found_in: Callable[[Case], None]
) -> None:
    found_in(case)


@cases(
    ("crossed", "fragmented", with_(Quote, bid_px=10_003, bid_qty=1), "I8: .* bid of 10003"),
    ("locked", "fragmented", with_(Quote, bid_px=10_002, bid_qty=1), "I8: .* bid of 10002"),
)
def test_I8_a_quote_is_not_crossed(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("time_goes_back", "fragmented", with_(Quote, 5, t_ns=1), "I11: time goes back"),
    ("an_answer_before_its_time", "fragmented", with_(Fill, sent_ns=more(1)), "I11: fill of"),
    ("a_shorter_way", "fragmented", with_(ChildAcked, drawn_ns=more(-1)), "I11: child_acked"),
    ("held_less_than_not_at_all", "fragmented", with_(Fill, held_ns=-1), "I11: fill of"),
    ("an_order_too_early", "fragmented", with_(BookAtArrival, sent_ns=more(1)), "I11: book_at"),
    ("a_shorter_way_there", "fragmented", with_(BookAtArrival, drawn_ns=more(-1)), "I11: book"),
    ("sent_before_the_run", "fragmented", with_(BookAtArrival, sent_ns=-1), "I11: book_at"),
)
def test_I11_nothing_happens_before_its_time(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("no_decision", "fragmented", without(Decision), "I14: child .* decision 1 has 0"),
    ("more_than_decided", "fragmented", with_(ChildSent, order_qty=more(1)), "I14: child"),
    ("another_decision", "fragmented", with_(ChildSent, decision_id=7), "I14: child"),
    ("a_quote_of_the_future", "partial_fill", quote_of_the_future, "I14: .* as of"),
    ("a_negative_age", "fragmented", negative_age, "I14: .* -1 ns old"),
    ("no_parent", "fragmented", without(ParentReceived), "I14: parent P1 was never received"),
)
def test_I14_a_decision_stands_on_what_was_known(
    case: Case, found_in: Callable[[Case], None]
) -> None:
    found_in(case)


@cases(
    ("a_lost_record", "fragmented", without(Quote), "I15: run_finished counts"),
    ("a_record_more", "fragmented", twice(Quote), "I15: run_finished counts"),
    ("a_second_beginning", "fragmented", twice(RunStarted), "I15: run_started is record 1"),
    ("decisions_out_of_order", "partial_fill", with_(Decision, 1, decision_id=1), "I15: deci"),
)
def test_I15_every_record_counts(case: Case, found_in: Callable[[Case], None]) -> None:
    found_in(case)


@cases(
    ("a_parent_without_an_end", "fragmented", without(ParentDone), "I16|I15"),
    (
        "complete_with_what_was_broken_off",
        "fragmented",
        with_(ParentDone, end_reason=EndReason.RUN_ENDED),
        "I16: the run is complete, parent P1 is run_ended",
    ),
)
def test_I16_the_end_says_what_became_of_the_parents(
    case: Case, found_in: Callable[[Case], None]
) -> None:
    found_in(case)
