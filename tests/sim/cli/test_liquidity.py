"""``sorsim liquidity``: words, the document of ``--json``, and wrong questions."""

import json
from typing import Any

import pytest

Invoke = Any  # see conftest

ASK = ("liquidity", "fragmented", "--side", "buy", "--qty", "100000")


def test_it_says_total_best_single_venue_and_split_in_words(invoke: Invoke) -> None:
    code, out, err = invoke(*ASK)
    assert (code, err) == (0, "")
    assert "Total available    245,000 at 5 of 5 venues" in out
    assert "Best single venue  NYSE: 90,000 at 100.027778 with fees, 10,000 short" in out
    assert "Suggested split    greedy: 100,000 at 100.0045 with fees" in out
    assert "What a dark venue shows is an indication" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_its_document_has_these_members_and_no_others(invoke: Invoke) -> None:
    document = json.loads(invoke(*ASK, "--json").out)
    cost = ["qty", "avg_px", "effective_px", "fees"]
    assert list(document) == ["total_available", "venues", "best_single", "split"]
    assert list(document["best_single"]) == ["venue_id", "cost"]
    assert list(document["split"]) == ["strategy", "parts", "cost", "unplaced_qty"]
    assert list(document["split"]["parts"][0]) == ["venue_id", "price", "cost", "blind"]
    for place in (document["best_single"], document["split"], *document["split"]["parts"]):
        assert list(place["cost"]) == cost
    for venue in document["venues"]:
        assert list(venue["alone"]) == cost
        assert all(
            list(one) == ["price", "effective_px", "qty", "cum_qty"] for one in venue["levels"]
        )
        assert venue["available_qty"] == sum(one["qty"] for one in venue["levels"])
    best = document["venues"][0]
    assert best["levels"][0] == {
        "price": "99.99",
        "effective_px": "99.99000000",
        "qty": 15_000,
        "cum_qty": 15_000,
    }


def test_risk_and_blind_orders_are_said_in_words(invoke: Invoke) -> None:
    risk = ("--set", 'venues[MM].fill_risk="0.015"')
    silent = ("--set", "venues[DARK_A].indications=false", "--set", "router.blind={}")
    out = invoke(*ASK, *risk, *silent).out
    assert "1.5 %" in out
    assert "DARK_A (blind)" in out


def test_an_empty_side_is_an_answer(invoke: Invoke) -> None:
    args = ("liquidity", "fragmented", "--side", "sell", "--qty", "1")
    code, out, _ = invoke(*args)
    assert code == 0
    assert "Total available    0 at 0 of 5 venues" in out
    assert "Best single venue  none" in out
    assert "Nothing to send" in out
    document = json.loads(invoke(*args, "--json").out)
    assert (document["total_available"], document["best_single"]) == (0, None)
    assert document["split"]["unplaced_qty"] == 1


def test_set_seed_and_at_are_honoured(invoke: Invoke) -> None:
    kind = invoke(*ASK, "--set", "router.strategy.kind=top_of_book", "--at", "1500ms").out
    assert "the market at 1500ms" in kind
    assert "top_of_book: 100,000 at 100.0085" in kind
    flow = 'venues[NYSE].flow=[{kind: poisson, rate: 500, centre: "100.00"}]'
    asked = [
        invoke(*ASK, "--set", flow, "--at", "1s", "--seed", seed, "--json").out
        for seed in ("1", "2", "1")
    ]
    assert asked[0] != asked[1]
    assert asked[0] == asked[2]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--side", "buy", "--qty", "0"), "--qty: must be > 0, was 0"),
        (("--side", "buy", "--qty", "-5"), "--qty: must be > 0, was -5"),
        (("--side", "buy", "--qty", "0.5"), "--qty: must be a whole multiple of the lot size 1"),
        (("--side", "buy", "--qty", "many"), "--qty: must be a plain decimal number"),
        (("--side", "long", "--qty", "5"), "'long' is not one of"),
        (("--side", "buy"), "Missing option '--qty'"),
        (("--qty", "5"), "Missing option '--side'"),
        (("--side", "buy", "--qty", "5", "--at", "3"), "--at: must be a duration with a unit"),
        (("--side", "buy", "--qty", "5", "--at", "3s"), "--at: must be at most the scenario's"),
    ],
)
def test_a_wrong_question_is_exit_2(invoke: Invoke, args: tuple[str, ...], words: str) -> None:
    code, out, err = invoke("liquidity", "fragmented", *args)
    assert (code, out) == (2, "")
    assert words in err


def test_a_broken_recording_is_exit_2_and_named(invoke: Invoke, tmp_path: Any) -> None:
    (tmp_path / "a.l2.csv").write_text("not a recording\n")
    leg = "{model: fixed, delay: 1ms}"
    (tmp_path / "s.yaml").write_text(
        "schema_version: 1\nname: s\nseed: 1\nduration: 1s\n"
        'instrument: {symbol: X, tick_size: "0.01"}\n'
        "venues: [{id: A, kind: replayed, file: a.l2.csv, "
        f"latency: {{order: {leg}, report: {leg}, feed: {leg}}}}}]\n"
        "router: {strategy: {kind: greedy}}\nparents: [{id: P, side: buy, qty: 1}]\n"
    )
    code, out, err = invoke("liquidity", "s.yaml", "--side", "buy", "--qty", "1")
    assert (code, out) == (2, "")
    assert "a.l2.csv" in err
