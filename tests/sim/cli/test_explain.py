"""``sorsim explain``."""

import json
from typing import Any


def test_explain_tells_a_child(invoke: Any) -> None:
    invoke("run", "partial_fill", "--out", "r", "--quiet")
    told = invoke("explain", "r", "P1.DARK_B.1")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("P1.DARK_B.1: buy 15,000 at DARK_B, limit 99.99, IOC\n\nWhy\nAt 0 s")
    assert max(map(len, told.out.splitlines())) <= 96
    document = json.loads(invoke("explain", "r/audit.jsonl", "D1", "--json").out)
    assert (document["kind"], document["id"]) == ("decision", "D1")


def test_explain_of_what_is_not_there(invoke: Any) -> None:
    invoke("run", "partial_fill", "--out", "r", "--quiet")
    for name in ("P1.NYSE.9", "D7"):
        found = invoke("explain", "r", name)
        assert (found.code, found.out) == (2, "")
        assert "no child order or decision" in found.err
