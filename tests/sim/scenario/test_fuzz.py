"""Whatever a file or an override holds, the answer is a scenario or a ScenarioError, and soon."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.config import ScenarioModel
from sim.protocol.errors import ScenarioError
from sim.scenario.document import parse_document
from sim.scenario.locate import load
from sim.scenario.overrides import apply_overrides

SECONDS_AT_MOST = 0.5

YAML_PIECES = st.sampled_from(
    [
        *("a", "kind", "venues", "1", "010", "-0.0", ".nan", "~", "NO", "é", "\u202e", "\u200b"),
        *(": ", ":", ", ", ",", "- ", "-", "? ", "[", "]", "{", "}", "\n", "\n  ", "\n- ", "\t"),
        *("&a ", "*a", "!t ", "!!str ", "<<", "|", ">", "|2-\n", "'", '"', "\\", "#", " #", "%"),
        *("---", "...", "\n---\n", "\n...\n", "@", "`", "\r", "\r\n", "\x00", "\x85", "\ufeff"),
        *("%YAML 1.1\n", "%TAG ! x\n", '"\\x00"', '"\\ud800"', "1e999", "9" * 30),
    ]
)


def outcome(model: type[ScenarioModel], data: bytes, *overrides: str) -> str:
    """The error text, empty if all was fine; fails if it takes long or prints badly."""
    start = time.process_time()
    try:
        document = parse_document(data, "s.yaml")
        apply_overrides(document, overrides)
        load(document, model)
        text = ""
    except ScenarioError as error:
        text = str(error)
        assert error.problems  # noqa: PT017  (the error itself is not what is tested)
    assert time.process_time() - start < SECONDS_AT_MOST
    assert text.replace("\n", "").isprintable()
    return text


@given(st.binary(max_size=400))
def test_any_bytes(model: type[ScenarioModel], data: bytes) -> None:
    outcome(model, data)


@given(st.text(max_size=200))
def test_any_text(model: type[ScenarioModel], text: str) -> None:
    outcome(model, text.encode("utf-8", "surrogatepass"))


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
def test_any_soup_of_yaml(model: type[ScenarioModel], text: str) -> None:
    outcome(model, text.encode())


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[float, float, str]]:
    """Cuts of a text: where, how much, and what comes in its place."""
    share = st.floats(0, 1)
    piece = st.one_of(YAML_PIECES, st.text(max_size=5))
    return draw(st.lists(st.tuples(share, share, piece), min_size=1, max_size=4))


@pytest.mark.slow
@given(mutations())
def test_mutated_valid_scenario(
    model: type[ScenarioModel], valid: str, cuts: list[tuple[float, float, str]]
) -> None:
    text = valid
    for where, length, piece in cuts:
        start = int(where * len(text))
        text = text[:start] + piece + text[start + int(length**4 * 20) :]
    outcome(model, text.encode("utf-8", "surrogatepass"))


@pytest.mark.slow
@given(st.data())
def test_mutated_lines_of_a_valid_scenario(
    model: type[ScenarioModel], valid: str, data: st.DataObject
) -> None:
    """Lines dropped, doubled and moved keep most of the structure, for validation to judge."""
    lines = valid.splitlines(keepends=True)
    order = data.draw(st.lists(st.sampled_from(lines), max_size=25))
    at = data.draw(st.integers(0, len(lines)))
    width = data.draw(st.integers(0, 4))
    outcome(model, "".join([*lines[:at], *order[:width], *lines[at + width :]]).encode())


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-2, 2)
    | st.sampled_from(["5ms", "lit", "fixed", "100.02", "full", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "kind", "model", "delay", "order", "a"]), inner)
    ),
    max_leaves=8,
)


def flow(value: object) -> str:
    """Flow YAML of plain data."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{value}'" if isinstance(value, str) else repr(value)


PATHS = st.sampled_from(
    [
        *("seed", "name", "duration", "tick_size", "venues", "parents", "expect", "audit", "probe"),
        *("venues[NYSE]", "venues[DARK]", "venues[NYSE].latency", "venues[1].fill", "wat"),
        *("venues[NYSE].latency.order", "venues[NYSE].asks[0]", "venues[NYSE].kind", "venues[7]"),
    ]
)


@pytest.mark.slow
@given(PATHS, JSON_VALUES)
def test_any_value_at_any_path(
    model: type[ScenarioModel], valid: str, path: str, value: object
) -> None:
    text = f"{path}={flow(value)}"
    printed = outcome(model, valid.encode(), text)
    for line in printed.splitlines():
        assert line.startswith(("--set ", "s.yaml:")), line


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_override_text(model: type[ScenarioModel], valid: str, texts: list[str]) -> None:
    outcome(model, valid.encode(), *texts)


def test_outcome_of_the_valid_scenario_is_fine(
    model: type[ScenarioModel], valid: str, load_text: Callable[..., Any]
) -> None:
    assert outcome(model, valid.encode()) == ""
    assert load_text(valid).seed == 7
