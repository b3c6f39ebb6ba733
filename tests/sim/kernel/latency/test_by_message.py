"""New orders and what changes them draw from laws of their own, by one uniform per message."""

import csv
import gzip
from collections.abc import Callable
from itertools import cycle, islice
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from sim.kernel.latency import LatencyConfig, LatencySampler
from sim.kernel.latency.by_message import ByMessageSampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import CxlRejReason, OrdStatus, OrdType, Priority, Side, TimeInForce
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import FromVenue
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

MakeLatency = Callable[..., LatencySampler]

MS = 1_000_000
FIXED = {
    "model": "by_message",
    "create": {"model": "fixed", "delay": "50ms"},
    "cancel": {"model": "fixed", "delay": "40ms"},
}
LAWS = {
    "model": "by_message",
    "create": {"model": "shifted_exponential", "shift": "1ms", "mean": "5ms"},
    "cancel": {"model": "fixed", "delay": "3ms"},
}
NEW = NewOrderSingle("A", Side.BUY, QtyLots(1), PriceTicks(100), OrdType.LIMIT, TimeInForce.GTC)
CANCEL = OrderCancelRequest("B", "A")
REPLACE = OrderCancelReplaceRequest("B", "A", QtyLots(2), PriceTicks(100))


def by_message(sampler: LatencySampler) -> ByMessageSampler:
    assert isinstance(sampler, ByMessageSampler)
    return sampler


@pytest.mark.parametrize(("msg", "ms"), [(NEW, 50), (CANCEL, 40), (REPLACE, 40)])
def test_the_message_picks_the_law(make_latency: MakeLatency, msg: Any, ms: int) -> None:
    assert by_message(make_latency(FIXED)).draw_for(msg) == ms * MS


def test_an_answer_to_a_cancel_takes_the_law_of_cancels(make_latency: MakeLatency) -> None:
    """On the report leg messages travel in an envelope that names their venue."""
    refusal = OrderCancelReject(
        "B", "A", "", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER, TimeNs(0), 1
    )
    sampler = by_message(make_latency(FIXED))
    assert sampler.draw_for(FromVenue("X", refusal)) == 40 * MS


def test_the_mean_of_new_orders_is_what_a_router_expects(make_latency: MakeLatency) -> None:
    assert make_latency(FIXED).nominal_ns == 50 * MS


def test_what_is_canceled_changes_no_draw_of_an_order(make_latency: MakeLatency) -> None:
    """The n-th message has the n-th uniform, whatever the ones before it were."""
    orders, mixed = by_message(make_latency(LAWS)), by_message(make_latency(LAWS))
    plain = [orders.draw_for(NEW) for _ in range(10_000)]
    kinds = list(islice(cycle([NEW, CANCEL, CANCEL, NEW, REPLACE]), 10_000))
    drawn = [mixed.draw_for(msg) for msg in kinds]
    assert [ns for ns, msg in zip(drawn, kinds, strict=True) if msg is NEW] == [
        ns for ns, msg in zip(plain, kinds, strict=True) if msg is NEW
    ]
    assert {ns for ns, msg in zip(drawn, kinds, strict=True) if msg is not NEW} == {3 * MS}


def test_the_law_of_new_orders_draws_as_if_it_stood_alone(make_latency: MakeLatency) -> None:
    alone = make_latency(LAWS["create"])
    beside = make_latency(LAWS)
    assert [beside.draw() for _ in range(10_000)] == [alone.draw() for _ in range(10_000)]


def test_a_cancel_does_not_overtake_its_order_and_that_part_is_held(
    make_latency: MakeLatency,
) -> None:
    loop, got = SimLoop(), list[Event]()
    link = make_link(loop, make_latency(FIXED), got.append, Priority.ORDER, 1000)
    link.send(NEW)
    link.send(CANCEL)
    loop.run_forever()
    assert [(event.msg, event.t_ns) for event in got] == [
        (NEW, 50 * MS + 1000), (CANCEL, 50 * MS + 1000)
    ]  # fmt: skip
    assert [(event.drawn_ns, event.held_ns) for event in got] == [
        (50 * MS, 1000), (40 * MS, 10 * MS + 1000)
    ]  # fmt: skip


def test_files_of_both_laws_are_named(latency_config: Callable[[Any], LatencyConfig]) -> None:
    law = {"model": "empirical", "file": "a.csv", "fraction": 1}
    config = latency_config({"model": "by_message", "create": law, "cancel": law | {"file": "b"}})
    assert config.files() == ("a.csv", "b")


def trips_of(log: Path) -> dict[str, list[int]]:
    """The round trips in a log of order states, read independently of the converter."""
    sent: dict[tuple[str, str], int] = {}
    trips: dict[str, list[int]] = {"create": [], "cancel": []}
    ends = {"CREATED": "create", "CANCELED": "cancel"}
    starts = {"PENDING_CREATE": "create", "PENDING_CANCEL": "cancel"}
    with gzip.open(log, "rt") as file:
        for time, order, status in csv.reader(file):
            if status in starts:
                sent[starts[status], order] = int(time)
            elif status in ends and (ends[status], order) in sent:
                trips[ends[status]].append(int(time) - sent.pop((ends[status], order)))
    return trips


MEDIANS = {
    "binance/test_1_continents/binance_aws_1_Tokyo": (71, 62),
    "binance/test_1_continents/binance_aws_2_Singapore": (96, 95),
    "binance/test_1_continents/binance_aws_3_London": (243, 252),
    "binance/test_1_continents/binance_aws_6_Sao_Paolo": (302, 295),
    "gate_io/test_1_asia/gate_io_aws_1_Tokyo": (40, 48),
    "gate_io/test_1_asia/gate_io_aws_4_Singapore": (89, 85),
    "htx/test_1_asia/htx_aws_1_Tokyo": (41, 42),
    "htx/test_1_asia/htx_aws_4_Singapore": (92, 83),
    "kucoin/test_1_asia/kucoin_aws_1_Tokyo": (54, 41),
    "kucoin/test_1_asia/kucoin_aws_4_Singapore": (135, 105),
    "kucoin/test_2_hft/kucoin_hft": (39, 41),
    "kucoin/test_2_hft/kucoin_ordinary": (52, 44),
}
"""Log of order states -> median round trip of creates and of cancels, ms."""


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", MEDIANS)
def test_drawn_delays_of_a_link_follow_the_file_create_and_cancel_apart(
    make_latency: MakeLatency,
    shared_file: Callable[[str], Path],
    tmp_path: Path,
    name: str,
) -> None:
    """p50, p95, p99 and the share of stalls, within 4 sigma; what FIFO adds is reported as held."""
    trips = trips_of(shared_file(f"order_latency/{name}_latency_check.csv.gz"))
    rows = [f"{kind},{ms}" for kind, found in trips.items() for ms in found]
    (tmp_path / "rt.csv").write_text("\n".join(["kind,round_trip_ms", *rows]) + "\n", "ascii")
    law = {"model": "empirical", "file": "rt.csv", "fraction": 1}
    model = {"model": "by_message", "create": law, "cancel": law | {"kind": "cancel"}}
    loop, got = SimLoop(), list[Event]()
    link = make_link(loop, make_latency(model, 20261121), got.append, Priority.ORDER)

    def send() -> None:
        link.send(NEW)
        link.send(CANCEL)

    for n in range(10_000):
        loop.schedule(n * 20 * MS, Priority.TIMER, lambda event: send(), None)
    loop.run_forever()
    assert sum(event.held_ns > 0 for event in got) > 5_000
    for kind, msg, median in zip(trips, (NEW, CANCEL), MEDIANS[name], strict=True):
        drawn = [event.drawn_ns for event in got if event.msg is msg]
        found = sorted(trips[kind])
        assert found[len(found) // 2] == pytest.approx(median, abs=1)
        stall = max(1000, 5 * found[len(found) // 2])
        bounds = [found[int(q * len(found))] for q in (0.5, 0.95, 0.99)]
        for bound in (*bounds, stall, found[-2]):
            share = sum(ms <= bound for ms in found) / len(found)
            got_share = sum(ns <= bound * MS for ns in drawn) / len(drawn)
            sigma = sqrt(share * (1 - share) / len(drawn))
            assert abs(got_share - share) <= 4 * sigma, (kind, bound)
        assert set(drawn) <= {ms * MS for ms in found}
