"""A child's life and a decision in words: golden texts, and every child of every shipped run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.audit.read import read_records
from sim.audit.records import (
    RECORD_TYPES,
    BookAtArrival,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    Record,
)
from sim.protocol.errors import AuditFormatError
from sim.report.explain import explain
from sim.report.story import UnknownIdError
from sim.report.words import Words, units_of
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

Run = Callable[..., Path]
each_shipped = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name in {"scheduled", "three_real_books"}
        else name
        for name in shipped_names()
    ],
)

CLUMSY = re.compile(
    r"\b1 (quotes|trades|levels|reports|lots|children)\b|\bNone\b|[^.]\.\.[^.]|  +\S|\bno no\b| ,|_"
)
"""What no sentence may hold: wrong plurals, raw values, doubled stops and blanks."""

PARTIAL_FILL = """\
P1.DARK_B.1: buy 15,000 at DARK_B, limit 99.99, IOC
[Why]
At 0 s the router decided for P1 (buy 100,000), because the order had just come.
It had 100,000 to place, by the strategy top of book over the best level of each venue.
It sent 15,000 to DARK_B, at 99.99, and 25,000 to NASDAQ, 20,000 to DARK_A and 40,000 to NYSE.
DARK_B ranked first of 5 with 99.99.
[What the router knew]
  DARK_B offers 15,000 at 99.99, 10,000 at 100.00 (quote just out; an order takes about 45 ms)
  NASDAQ offers 25,000 at 100.00, 20,000 at 100.01 (quote just out; an order takes about 6 ms)
  DARK_A offers 20,000 at 100.01, 15,000 at 100.02 (quote just out; an order takes about 50 ms)
  NYSE offers 40,000 at 100.02, 30,000 at 100.03, 20,000 at 100.04 \
(quote just out; an order takes about 5 ms)
  MM offers 50,000 at 100.05 (quote just out; an order takes about 100 ms)
[What it refused]
  MM: others were better, and they were enough
[On the way]
It left at 0 s and met the book of DARK_B at 45 ms, 45 ms later.
By then the quote behind it was 45 ms old; since then the venue had published nothing new.
Within its limit it found 10,000 at 99.99.
Gone of what had been shown: 5,000 at 99.99.
[What came back]
  90 ms: acknowledged; filled 10,000 at 99.99, 5,000 left open; \
canceled, 5,000 not filled, since an IOC order does not rest \
(at the venue at 45 ms; the reports took 45 ms)
[In the end]
It filled 10,000 of its 15,000 at 99.99, without a fee.
Slippage against the 99.99 shown for as much: none.
The 5,000 left over went into decision D2 at 90 ms: 5,000 to DARK_B.
"""

SECOND_DECISION = """\
D2: a decision for P1
[Why]
At 90 ms the router decided for P1 (buy 100,000), because P1.DARK_B.1 came back with 5,000 unfilled.
It had 5,000 to place, by the strategy top of book over the full depth of each venue.
[What the router knew]
  DARK_B offers 10,000 at 100.00 (quote 45 ms old; an order takes about 45 ms)
  NASDAQ offers 20,000 at 100.01 (quote 84 ms old; an order takes about 6 ms)
  DARK_A offers 15,000 at 100.02 (quote 90 ms old; an order takes about 50 ms)
  NYSE offers 30,000 at 100.03, 20,000 at 100.04 (quote 85 ms old; an order takes about 5 ms)
  MM offers 50,000 at 100.05 (quote 90 ms old; an order takes about 100 ms)
[What it chose]
  DARK_B: 5,000 at 100.00; ranked first of 5
[What it costs]
  DARK_B: 5,000 costs 500,000.00
[What it refused]
  NASDAQ, DARK_A, NYSE and MM: others were better, and they were enough
[What came of it]
  P1.DARK_B.2: filled 5,000 of 5,000 at 100.00, the last at 180 ms
"""

REAL_BOOK = """\
It left at 26 s and met the book of COINM at 26.0195 s, 19.5 ms later.
By then the quote behind it was 36.4 ms old; \
since then the venue had published 2 newer quotes and 2 trades of 0.0097 together.
Within its limit it found 4.02898 at 61,765.93.
Gone of what had been shown: 2.61275 at 61,765.93.
[What came back]
  26.039 s: acknowledged (at the venue at 26.0195 s; the report took 19.5 ms)
  26.132 s: filled 4.02898 at 61,765.93, 2.61275 left open; \
canceled, 2.61275 not filled, since an IOC order does not rest \
(at the venue at 26.0195 s; the reports took 112 ms, up to 92 ms of it behind earlier reports)
[In the end]
It filled 4.02898 of its 6.64173 at 61,765.93, for fees of 248.85 (10 bps).
Slippage against the 61,765.93 shown for as much: none.
The 2.61275 left over went into decision D3 at 26.132 s: \
0.04049 to COINM, 0.998 to USDM and 1.57426 to SPOT.
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``run("fragmented", "seed=3")``: the folder of a shipped scenario's run."""
    folders: dict[tuple[str, ...], Path] = {}

    def folder(name: str, *sets: str) -> Path:
        key = (name, *sets)
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp("run")
            run_world(load_scenario(name, sets=list(sets)), folder=folders[key])
        return folders[key]

    return folder


def text(told: dict[str, Any]) -> str:
    lines = [told["title"]]
    for section in told["sections"]:
        lines += [f"[{section['heading']}]", *section["says"]]
    return "\n".join(lines) + "\n"


def test_a_child_that_came_back_short(run: Run) -> None:
    assert text(explain(run("partial_fill"), "P1.DARK_B.1")) == PARTIAL_FILL


@pytest.mark.parametrize("name", ["D2", "2", "d2"])
def test_a_decision_after_a_partial_fill(run: Run, name: str) -> None:
    assert text(explain(run("partial_fill"), name)) == SECOND_DECISION


@pytest.mark.slow
def test_a_child_that_met_a_real_book(run: Run) -> None:
    assert text(explain(run("three_real_books"), "SELL_20.COINM.1")).endswith(REAL_BOOK)


@each_shipped
def test_every_child_and_decision_of_a_shipped_run_can_be_told(run: Run, name: str) -> None:
    folder = run(name)
    records = [record for _, record in read_records(folder / "audit.jsonl")]
    say = Words(units_of(records[0]))  # type: ignore[arg-type]
    children = [one for one in records if isinstance(one, ChildSent)]
    assert children
    for sent in children[:60]:
        told = text(explain(folder, sent.cl_ord_id))
        assert sent.cl_ord_id in told.splitlines()[0]
        assert say.qty(sent.order_qty) in told
        assert say.px(sent.price) in told
        for fact in facts_of(sent.cl_ord_id, records, say):
            assert fact in told, (sent.cl_ord_id, fact)
        assert not CLUMSY.search(plain_prose(told)), CLUMSY.search(plain_prose(told))
    for decision in [one for one in records if isinstance(one, Decision)][:60]:
        told = text(explain(folder, str(decision.decision_id)))
        for part in decision.split:
            assert part.venue_id in told
        for refused in decision.refused:
            assert refused.venue_id in told
        assert not CLUMSY.search(plain_prose(told)), CLUMSY.search(plain_prose(told))


def facts_of(child: str, records: list[Record], say: Words) -> list[str]:
    """Texts that must occur in the story of a child."""
    facts = []
    for record in records:
        if getattr(record, "cl_ord_id", None) != child:
            continue
        if isinstance(record, BookAtArrival) and record.levels:
            facts.append(say.levels(record.levels))
        elif isinstance(record, ChildCanceled):
            facts.append(f"canceled, {say.qty(record.canceled_qty)} not filled")
        elif isinstance(record, ChildRejected):
            facts.append(f"rejected, {record.reason.value.replace('_', ' ')}")
    fills = [one for one in records if isinstance(one, Fill) and one.cl_ord_id == child]
    if fills:
        facts.append(say.qty(sum(one.last_qty for one in fills)))
    return facts


def plain_prose(told: str) -> str:
    """The text without ids, whose underscores are their own, and without indents."""
    lines = [re.sub(r"fault \S+ \(", "fault ID (", line.strip()) for line in told.splitlines()]
    return re.sub(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", "ID", "\n".join(lines))


def test_risk_and_impact_are_told_where_the_strategy_weighs_them(run: Run) -> None:
    folder = run(
        "fragmented",
        "router.strategy.kind=min_risk",
        "venues[DARK_A].fill_risk='0.1'",
        "venues[NYSE].impact='0.01'",
    )
    told = text(explain(folder, "D1"))
    assert "its best is 111.12222 weighed with a risk of 10 % not to fill)" in told
    assert "its best is 100.03 weighed with an own impact of 0.01)" in told


def test_what_a_decision_costs_is_told_term_by_term(run: Run) -> None:
    folder = run(
        "fragmented",
        "router.strategy.kind=min_risk",
        "router.cost={volatility_ticks: '10'}",
        "parents[P1].qty=30000",
        "venues[NASDAQ].fees={taker: '0.003', maker: '-0.002', unit: per_share}",
        *[f"venues[{name}].fill_risk='0.1'" for name in ("DARK_A", "DARK_B")],
    )
    told = text(explain(folder, "D1"))
    # 6 ms at 10 ticks for the root of a second are 0.7745 of a tick
    first = "  NASDAQ: 30,000 at prices of 3,000,050.00 with fees of 90.00 and delay of 232.35"
    assert first in told
    assert "costs 3,000,372.35" in told
    assert "a delay worth 0.00774)" in told
    (cost,) = explain(folder, "D1")["facts"]["decision"]["costs"]
    terms = ("price", "fees", "impact", "latency", "fill_risk")
    assert sum(cost.get(name, 0) for name in terms) == cost["total"]


def test_a_sellers_costs_are_taken_off_what_he_gets(run: Run) -> None:
    folder = run(
        "fragmented",
        "router.cost={variant: chase}",
        "parents[P1]={id: P1, side: sell, qty: 5000, at: 0s}",
        "venues[NYSE].book={bids: [['99.00', 4000]]}",
        "venues[NASDAQ].book={bids: [['98.00', 9000]]}",
        "venues[NYSE].fill_risk='0.5'",
    )
    told = text(explain(folder, "D1"))
    assert (
        "NYSE: 4,000 at prices of 396,000.00 less fill risk of 2,000.00: brings 394,000.00" in told
    )
    assert "NASDAQ: 1,000 brings 98,000.00" in told, "prices are all there is to it"
    assert "All of it: brings 492,000.00" in told
    assert "50 % to chase elsewhere)" in told


def test_what_an_order_shows_is_told_where_the_scenario_asks(run: Run) -> None:
    leakage = "router.leakage={alpha: '0.00001', max_detect: '0.2'}"
    told = text(explain(run("fragmented", leakage), "D1"))
    assert "22,314 of the order show at 1 lit venue at once" in told
    assert "noticed with a probability of 20 %." in told
    dark = text(explain(run("fragmented", leakage, "router.strategy.kind=min_impact"), "D1"))
    assert "Nothing of the order shows at a lit venue." in dark
    assert "What it shows" not in text(explain(run("fragmented"), "D1"))


def test_a_venue_with_fees_is_told_with_them(run: Run) -> None:
    fees = "venues[NASDAQ].fees={taker: '0.003', maker: '-0.002', unit: per_share}"
    told = text(explain(run("fragmented", fees), "P1.NASDAQ.1"))
    assert "NASDAQ ranked second of 5 with 100.00, which is 100.003 with the fee." in told
    assert "for fees of " in told


def test_bumps_queues_and_work_of_the_venue_are_told_apart(run: Run) -> None:
    folder = run(
        "slow_venue",
        "venues[SLOW].speed_bump={order: 350us, report: 1ms}",
        "venues[SLOW].processing.time={model: fixed, delay: 4ms}",
    )
    told = text(explain(folder, "P1.SLOW.1"))
    how = "(350 us at the venue's speed bump, 650 us in the venue's queue and 4 ms being processed)"
    assert how in told
    assert "the reports took 6 ms, 1 ms at the venue's speed bump)" in told


def test_an_order_that_rests_is_told_by_its_own_side(run: Run) -> None:
    """Nobody bids, so P1's 5,000 rest at the best offer that is known."""
    folder = run(
        "fragmented",
        "router.rest={venue: NYSE}",
        "parents[P1]={id: P1, side: sell, qty: 5000, at: 0s, limit: '99.00', deadline: 1s}",
    )
    found = explain(folder, "P1.NYSE.1")
    assert "P1.NYSE.1: sell 5,000 at NYSE, limit 100.00, DAY" in found["title"]
    assert "  NYSE offers 40,000 at 100.02 (quote" in text(found)
    assert "gone" not in text(found).lower()
    assert "Slippage" not in text(found)
    assert found["facts"]["shown_avg_px"] is None
    assert "the order rests or waits for better quotes." in text(explain(folder, "D1"))


def test_what_gave_a_turn_after_a_hold_is_told_and_no_quote_is_made_up(run: Run) -> None:
    folder = run("rejects_and_timeouts")
    assert "because its hold on BUSY was over while lots were free." in text(explain(folder, "D5"))
    assert "because its hold on BUSY was over" in text(explain(folder, "P1.BUSY.3"))
    assert "because a new quote had come while lots were free." in text(explain(folder, "D3"))


def test_who_is_on_hold_is_told_with_its_own_reason(run: Run) -> None:
    told = text(explain(run("rejects_and_timeouts"), "D8"))
    busy = "it had rejected a child (throttled), and the router kept off it until 407 ms"
    slow = "it had not answered in time, and the router kept off it until 250 ms"
    assert f"BUSY (quote 192 ms old): {busy}\n" in told
    assert f"SLOW (quote 207 ms old): {slow}\n" in told


def test_venues_that_share_a_reason_share_its_grammar(run: Run) -> None:
    told = text(explain(run("dark_first"), "D3"))
    assert "DARK_B (quote 45 ms old): each shows nothing and had been tried before\n" in told


def test_a_ping_is_told(run: Run) -> None:
    folder = run("dark_first", "router.blind={ping: {lots: 500}}")
    asks = "so the limit is 100.01; a small order asks first\n"
    assert f"DARK_A shows nothing; the best lit price was 100.01, {asks}" in text(
        explain(folder, "D1")
    )
    assert "wait until all that were asked have answered." in text(explain(folder, "D1"))
    told = text(explain(folder, "D2"))
    assert "because all pools that were tried had answered." in told
    assert "so the limit is 100.01; the small order that asked first was filled whole\n" in told


def test_what_a_learner_reckoned_with_is_told(run: Run) -> None:
    few = ("parents[P].repeat.count=2", "router.strategy.kind=kaplan_meier")
    told = text(explain(run("dark_learning", *few), "D1"))
    assert "own figures: explored D1 0; explored D2 0; explored D3 0\n" in told
    assert "The other 700 wait until all that were asked have answered." in told
    assert "NYSE: dark pools were tried first" in told


def test_a_small_fee_keeps_two_digits(run: Run) -> None:
    fees = "venues[NASDAQ].fees={taker: '0.00000012', maker: '0', unit: per_share}"
    told = text(explain(run("fragmented", fees), "P1.NASDAQ.1"))
    assert "for fees of 0.0054 (0 bps)." in told


def test_a_timeout_is_told(run: Run) -> None:
    told = text(explain(run("fragmented", "router.ack_timeout=60ms"), "P1.DARK_B.1"))
    assert "60 ms: no answer in time, so the router asked to cancel it" in told
    assert "the request was refused, too late" in told


def test_without_market_data_the_log_says_less_and_the_story_says_so(run: Run) -> None:
    told = text(explain(run("fragmented", "audit.market_data=none"), "P1.NYSE.1"))
    assert "NYSE had it by 5 ms; the log holds no book of then." in told
    assert "It filled all of its 10,000 at 100.02" in told


def test_a_child_that_is_open_at_the_end_is_told_so(run: Run, tmp_path: Path) -> None:
    lines = (run("partial_fill") / "audit.jsonl").read_bytes().splitlines(keepends=True)
    log = tmp_path / "cut"
    log.write_bytes(b"".join(lines[:20]) + lines[20][:30])
    told = explain(log, "P1.DARK_A.1")
    assert "Nothing, up to the end of the log." in text(told)
    assert "The log ends with 20,000 of it still open." in text(told)
    assert "the line is torn" in told["fault"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("P1.NYSE.7", "near: P1.NYSE.1"),
        ("P1", "near: P1.DARK_B.1, P1.NASDAQ.1"),
        ("9", "the log holds D1 to D2"),
        ("\x1b[31m", "no child order or decision '\\x1b[31m'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(run: Run, name: str, hint: str) -> None:
    with pytest.raises(UnknownIdError) as caught:
        explain(run("partial_fill"), name)
    assert hint in str(caught.value)


def test_L06_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"{}\n")
    for path in (tmp_path / "x", tmp_path / "nowhere"):
        with pytest.raises(AuditFormatError):
            explain(path, "D1")


def test_facts_hold_the_records_behind_the_text(run: Run) -> None:
    facts = explain(run("partial_fill"), "P1.DARK_B.1")["facts"]
    assert facts["filled_qty"] == 10_000
    assert facts["avg_px"] == facts["shown_avg_px"] == "99.99000000"
    assert facts["next_decision"] == 2
    assert [one["kind"] for one in facts["events"]] == ["child_acked", "fill", "child_canceled"]


def test_no_kind_of_record_is_forgotten() -> None:
    """What has no words of its own in a story is told by the words of the timeline."""
    assert Words(units_of(run_started())).kinds == set(RECORD_TYPES)


def run_started() -> Any:
    result = sim.run("fragmented")
    assert result.log is not None
    from sim.study.header import parse_header

    return parse_header(result.log.splitlines()[0], Path("log"))
