"""``sorsim torture``: what it says, and its exit codes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Invoke = Callable[..., Any]  # see conftest

FEW = ("torture", "fragmented", "--seeds", "2", "--seed", "9", "--jobs", "1")


def test_sound_seeds_in_words_and_as_json(invoke: Invoke) -> None:
    done = invoke(*FEW, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "2 seeds" in done.out
    assert "none failed" in done.out
    document = json.loads(invoke(*FEW, "--json", "--quiet").out)
    assert list(document) == ["seeds", "events", "faults", "failures"]
    assert (document["seeds"], document["failures"]) == (2, [])
    assert document["events"] > 0


def test_a_failure_has_its_seed_and_a_command(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    from router.core.desk import Desk

    monkeypatch.setattr(Desk, "settle", lambda *args: None)  # nobody ends a parent
    done = invoke(*FEW, "--quiet")
    assert done.code == 1
    assert "seed 9: I18: parent P1 had until " in done.out
    assert " ns, it was still open at " in done.out
    assert "  sorsim run fragmented --seed 9 --set" in done.out
    (failed, *_) = json.loads(invoke(*FEW, "--json", "--quiet").out)["failures"]
    assert (failed["seed"], failed["rule"], failed["faults"]) == (9, "I18", [])


def test_a_wrong_scenario_is_refused(invoke: Invoke) -> None:
    done = invoke("torture", "fragmentd", "--seeds", "1")
    assert done.code == 2
    assert "did you mean fragmented?" in done.err
