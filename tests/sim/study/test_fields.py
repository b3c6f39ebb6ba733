"""Differences of plain data, named by paths as overrides write them."""

from typing import Any

import pytest

from sim.scenario.load import load_scenario
from sim.study.fields import changes


def said(old: Any, new: Any) -> list[str]:
    return [str(one) for one in changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["a: 1 -> true"]),
        ({"a": {"b": None}}, {"a": {"b": "x"}}, ["a.b: none -> x"]),
        ({"a": 1}, {"b": 1}, ["a: 1 -> absent", "b: absent -> 1"]),
        ({"x.y": 1}, {"x.y": 2}, ['["x.y"]: 1 -> 2']),
        (
            {"v": [{"id": "N", "p": 1}, {"id": "M", "p": 1}]},
            {"v": [{"id": "N", "p": 2}, {"id": "M", "p": 1}]},
            ["v[N].p: 1 -> 2"],
        ),
        (
            {"v": [{"id": "N"}, {"id": "M"}]},
            {"v": [{"id": "M"}, {"id": "N"}]},
            ["v: order N, M -> order M, N"],
        ),
        ({"v": [{"id": "N"}]}, {"v": []}, ['v[N]: {"id":"N"} -> absent']),
        ({"v": [{"id": "N"}]}, {"v": [{"id": "N"}, {"id": "M"}]}, ['v[M]: absent -> {"id":"M"}']),
        ({"v": [{"id": "N"}, {"id": "N"}]}, {"v": [{"id": "N"}, {"id": "M"}]}, ["v[1].id: N -> M"]),
        ({"b": [["1", 2], ["3", 4]]}, {"b": [["1", 2], ["3", 5]]}, ['b[1]: ["3",4] -> ["3",5]']),
        ({"a": "\x1b[31m"}, {"a": ""}, ["a: \\x1b[31m -> "]),
    ],
)  # fmt: skip
def test_changes(old: Any, new: Any, expected: list[str]) -> None:
    assert said(old, new) == expected


@pytest.mark.parametrize(
    "setting",
    [
        "venues[NYSE].latency.order.delay=15ms",
        "venues[MM].latency.feed.delay=1us",
        "router.ack_timeout=2s",
        "venues[NYSE].book.asks[1]=['100.03', 5]",
        "parents[P1].qty=7",
        "seed=12",
    ],
)
def test_a_path_is_the_one_that_set_takes(setting: str) -> None:
    """What the comparison names can be set again, to the value that it names."""
    base = load_scenario("fragmented").resolved()
    (change,) = changes(base, load_scenario("fragmented", sets=[setting]).resolved())
    assert change.path == setting.partition("=")[0]
    back = load_scenario("fragmented", sets=[setting, f"{change.path}={change.old}"]).resolved()
    assert back == base


def test_a_member_that_is_new_is_shown_without_what_it_leaves_open() -> None:
    fault = {"kind": "message_loss", "id": "f", "at": "1ms", "on": None, "rate": None}
    (found,) = changes({"faults": []}, {"faults": [fault]})
    assert str(found) == 'faults[f]: absent -> {"kind":"message_loss","id":"f","at":"1ms"}'
