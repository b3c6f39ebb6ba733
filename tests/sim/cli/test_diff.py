"""``sorsim diff``."""

import json
from pathlib import Path
from typing import Any

DELAY = "venues[NYSE].latency.order.delay"


def test_diff_says_what_why_and_what_came_of_it(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "a", "--quiet")
    invoke("run", "fragmented", "--out", "b", "--quiet", "--set", f"{DELAY}=170ms")
    found = invoke("diff", "a", "b/audit.jsonl")
    assert (found.code, found.err) == (1, "")
    assert found.out.startswith(f"Settings that differ\n  {DELAY}: 5ms -> 170ms\n")
    assert f"    <- setting {DELAY}: 5ms -> 170ms" in found.out
    assert "  parents[P1].venues[DARK_A].routed_qty: 20000 -> 30000" in found.out
    document = json.loads(invoke("diff", "a", "b", "--json").out)
    assert document["equal"] is False
    assert document["first"]["chain"]["settings"] == [f"{DELAY}: 5ms -> 170ms"]


def test_diff_of_equal_logs(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "a", "--quiet")
    found = invoke("diff", "a", "a")
    assert (found.code, found.out, found.err) == (0, "equal: the same bytes\n", "")
    assert json.loads(invoke("diff", "a", "a", "--json").out)["equal"] is True


def test_diff_of_a_changed_log_points_to_verify(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "a", "--quiet")
    text = Path("a/audit.jsonl").read_text()
    assert '"last_px":10002' in text
    Path("x").write_text(text.replace('"last_px":10002', '"last_px":10001'))
    found = invoke("diff", "a", "x")
    assert found.code == 1
    assert "Settings that differ\n  none" in found.out
    assert "sorsim verify tells a log that was changed" in found.out


def test_diff_of_what_is_no_log(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "a", "--quiet")
    Path("x").write_bytes(b"no\n")
    assert invoke("diff", "a", "x").code == 2
    assert invoke("diff", "nowhere", "a").code == 2
