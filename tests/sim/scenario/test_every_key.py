"""Every key that a scenario may have, found by walking its schema, gets every kind of bad value.

A new key is tested the day it is written: it must refuse what its schema excludes, with the line,
the column and the path of the value; what it accepts must load again to the same and must run. A
key whose specimen cannot be guessed from the schema needs a line in ``schema_walk.SPECIMENS``; a
decimal that may be 0 or negative needs one in ``MAY_BE_ZERO`` or ``MAY_BE_NEGATIVE``.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from sim.data.neutral import HEADER as EVENTS_HEADER
from sim.data.recorded import HEADER as RECORDED_HEADER
from sim.kernel.latency.round_trips import HEADER as ROUND_TRIPS_HEADER
from sim.protocol.errors import ScenarioError
from sim.scenario.document import Document, parse_document
from sim.scenario.load import load_scenario
from sim.scenario.model import Scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.sim.scenario import schema_walk
    from tests.sim.scenario.schema_walk import Key, Model
else:
    # Tests cannot import each other, so the walk is loaded from its file.
    _spec = importlib.util.spec_from_file_location(
        "sorsim_schema_walk", Path(__file__).with_name("schema_walk.py")
    )
    schema_walk = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = schema_walk
    _spec.loader.exec_module(schema_walk)

KINDS: Final = ("Lit", "Dark", "Maker", "Replayed", "Auction", "Rfq", "Wholesaler", "Broker")
MAY_BE_NEGATIVE: Final = frozenset(
    {
        "FeeSchedule.taker",
        "FeeSchedule.maker",
        "FeeTier.taker",
        "FeeTier.maker",
        "PegTo.offset",
    }
)
MAY_BE_ZERO: Final = MAY_BE_NEGATIVE | {
    "BlindConfig.slack_bps",
    "CostConfig.volatility_ticks",
    "FeeSchedule.volume_before",
    "TickBandConfig.price",
    "FractionFill.share",
    "PriceCollarConfig.bps",
    "ObizhaevaWangImpact.permanent",
    "RandomFill.high",
    "RandomBustsConfig.share",
    "RefreshConfig.shift",
    "MatchingConfig.hidden_improvement",
    "MatchingConfig.hidden_min_remainder",
    "RandomFill.low",
    "SpreadConfig.half",
    "LastLookConfig.tolerance",
    "ConditionalConfig.firm_prob",
    "WholesalerVenue.improvement",
    "ScriptedFill.at[0][1]",
    *(f"TrialStaticConfig.{key}" for key in ("lambda_over", "lambda_under", "theta")),
    "RecordedOutflow.samples[0]",
    "RecordedOutflow.venues[0][1][0]",
    *(f"ContKukanovConfig.{key}" for key in ("theta", "theta_queue")),
    *(f"{kind}Venue.{key}" for key in ("fill_risk", "impact") for kind in KINDS),
}
FREE: Final = frozenset({"OwnConfig.params", "OwnSplitConfig.params"})
"""Mappings whose keys are the user's."""


class Bad:
    """A value as it stands in the file: its text, and what a reader of YAML 1.2 makes of it."""

    def __init__(self, text: str, value: Any = None, *, kind: str = "") -> None:
        self.text = text
        self.value = value
        self.kind = kind or _kind(value)


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number"}
    names |= {str: "string", list: "array", dict: "object"}
    return names[type(value)]


def text(value: str) -> Bad:
    return Bad(json.dumps(value), value)


NEVER: Final = "never"
"""The kind of what no key may accept."""

# D05 and D06: non-finite, minus zero, beyond any range, too many digits; S03: leading zeros.
NO_NUMBERS: Final = """
    .nan .NaN .NAN .inf -.inf +.Inf -.INF 1e999 -1e999 1e-320 -1e-320 -0.0 -0 -0e0
    9223372036854775808 -9223372036854775809 1000000000000000000000000000000 0x10000000000000000
    1.0000000000000000000000000000000000000000001 010 0777 -01 00.5
"""
# S03: what YAML 1.1 makes something else of than text.
YAML_1_1: Final = "NO yes on 12:30 12:30:00 1_000 1e 2024-01-31 inf nan -inf Infinity"
TEXTS: Final = (
    *("", " ", "0", "-1", "+1", "1e3", "1e999", "NaN", "nan", "-Infinity", "sNaN", "1.", ".5"),
    *("0x10", "1,000", "1_000", " 5", "5 ", "5\n", "-0.0", "1" * 31, "0." + "0" * 30 + "1"),
    *("1" * 50_000, "x" * 65, "\uff11\uff12", "\u0663", "0ns", "-5ms", "5", "5 hours", "5m"),
    *("0.5ns", "1e3ms", "99999999999999min", "${HOME}", "../secret.csv", "/etc/passwd"),
    *("/dev/zero", "CON", "no such file", "=cmd()"),
)
BAD_VALUES: Final = (
    *(Bad(spelling, kind=NEVER) for spelling in NO_NUMBERS.split()),
    # S05 and S04: tags, anchors, aliases
    Bad("!!python/object:os.system x", kind=NEVER),
    Bad("!!python/name:os.system ''", kind=NEVER),
    Bad("!!float 1", kind=NEVER),
    Bad("!env HOME", kind=NEVER),
    Bad("&a 5", kind=NEVER),
    Bad("*a", kind=NEVER),
    # S07
    Bad(r'"zero\u200bwidth"', kind=NEVER),
    Bad(r'"bidi\u202e"', kind=NEVER),
    Bad(r'"nul\0"', kind=NEVER),
    Bad(r'"escape\e[31m"', kind=NEVER),
    # S03: other types
    Bad("null"),
    Bad("~"),
    Bad("true", value=True),
    Bad("false", value=False),
    *(Bad(str(number), number) for number in (0, -1, 2**53 + 1, 2**63 - 1)),
    *(Bad(str(number), number) for number in (1.0, 1.5, -0.5, 1e300)),
    *(Bad(word, word) for word in YAML_1_1.split()),
    Bad("[]", []),
    Bad("{}", {}),
    Bad("[[]]", [[]]),
    Bad("[{}]", [{}]),
    Bad("[null]", [None]),
    Bad("{zzz: 1}", {"zzz": 1}),
    *map(text, TEXTS),
)


WALK: Final = schema_walk.Walk()
MARK: Final = "@here@"


def file_text(data: dict[str, Any], way: tuple[str | int, ...], raw: str) -> tuple[str, int, int]:
    """The file with ``raw`` at a place; and that place's line and column."""
    marked = deepcopy(data)
    schema_walk.put(marked, way, MARK)
    written = json.dumps(marked, indent=1)
    before, _, after = written.partition(f'"{MARK}"')
    return before + raw + after, before.count("\n") + 1, len(before) - before.rfind("\n")


OWN_CODE: Final = """
from router.allocate.base import Allocation, Strategy

class Own:
    def __init__(self, **params):
        pass
    def decide(self, view, state):
        return []

class OwnSplit(Strategy):
    depth = "full"
    def __init__(self, **params):
        pass
    def allocate(self, request):
        return Allocation((), (), ())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one good file of each format that a scenario may name."""
    made = tmp_path_factory.mktemp("every_key")
    (made / "recorded.l2.csv").write_text(
        f"{RECORDED_HEADER}\n0,level,bid,99.98,10\n0,level,ask,100.02,10\n5000,trade,buy,100.02,1\n"
    )
    (made / "orders.events.csv").write_text(
        f"{EVENTS_HEADER}\n0,A,add,bid,99.98,10,1\n0,B,add,ask,100.02,10,2\n"
    )
    (made / "round_trips.csv").write_text(f"{ROUND_TRIPS_HEADER}\ncreate,1.5\ncancel,2\n")
    (made / "own.py").write_text(OWN_CODE)
    return made


Loads = Callable[[str], tuple[Any, list[Any]]]


@pytest.fixture
def loads(folder: Path) -> Loads:
    """``loads(text)``: the scenario or None, and the problems."""

    def load(written: str) -> tuple[Any, list[Any]]:
        path = folder / "s.yaml"
        path.write_text(written, encoding="utf-8")
        try:
            return load_scenario(path, allow_code=True), []
        except ScenarioError as error:
            problems = error.problems
        assert all(str(problem).isprintable() for problem in problems)
        assert {problem.file for problem in problems} == {str(path)}
        return None, problems

    return load


def must_refuse(bad: Bad, schema: dict[str, Any], name: str) -> bool:
    """Whether the schema alone excludes a value; it knows less than the models do."""
    if bad.kind == NEVER or (bad.kind == "object" and name in FREE):
        return bad.kind == NEVER
    options = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    if options and "discriminator" not in schema:
        return all(must_refuse(bad, one, name) for one in options)
    inner = WALK.resolved(schema)
    if WALK.options(inner) and "discriminator" not in inner:
        return all(must_refuse(bad, one, name) for one in WALK.options(inner))
    if "const" in inner or "enum" in inner:
        allowed = inner.get("enum", [inner.get("const")])
        return not any(one == bad.value and type(one) is type(bad.value) for one in allowed)
    given = inner.get("type", "object")
    types = set(given) if isinstance(given, list) else {given}
    if "discriminator" in inner or "properties" in inner:
        types = {"object"}
    if bad.kind not in types and not (bad.kind == "integer" and "number" in types):
        return True
    return _out_of_bounds(bad, inner, name)


def _out_of_bounds(bad: Bad, schema: dict[str, Any], name: str) -> bool:
    value = bad.value
    is_decimal = {"string", "integer"} == set(schema.get("type", ()))
    if is_decimal and re.fullmatch(r"[+-]?[0-9.]+", str(value)):
        if float(value) < 0:
            return name not in MAY_BE_NEGATIVE
        if float(value) == 0:
            return name not in MAY_BE_ZERO
    match bad.kind:
        case "integer" | "number":
            return bool(
                value < schema.get("minimum", value)
                or value > schema.get("maximum", value)
                or value <= schema.get("exclusiveMinimum", value - 1)
                or value >= schema.get("exclusiveMaximum", value + 1)
            )
        case "string":
            pattern = schema.get("pattern")
            return (
                (pattern is not None and re.search(pattern.replace("$", r"\Z"), value) is None)
                or len(value) < int(schema.get("minLength", 0))
                or len(value) > int(schema.get("maxLength", len(value)))
            )
        case "array":
            few, many = schema.get("minItems", 0), schema.get("maxItems", len(value))
            return bool(len(value) < few or len(value) > many or value == [None])
        case "object" if value and isinstance(free := schema.get("additionalProperties"), dict):
            return any(must_refuse(Bad(json.dumps(one), one), free, name) for one in value.values())
        case "object":
            return value != {} or bool(schema.get("required")) or "discriminator" in schema
        case _:
            return False


def _is_around(printed: str, of: str) -> bool:
    return printed == of or of.startswith((f"{printed}.", f"{printed}["))


@pytest.mark.slow
@pytest.mark.parametrize("key", list(WALK.keys.values()), ids=WALK.keys)
def test_S03_D04_D05_D06_every_bad_value_of_every_key(key: "Key", loads: Loads) -> None:
    for bad in BAD_VALUES:
        written, line, col = file_text(key.data, key.way, bad.text)
        loaded, problems = loads(written)
        if loaded is not None:
            assert not must_refuse(bad, key.schema, key.name), f"accepted {bad.text}"
            check_accepted(loaded, bad)
            continue
        printed = _document(written).printed(key.way)
        at = [(one.line, one.col) for one in problems]
        said = f"{bad.text} at {line}:{col}: {list(map(str, problems))}"
        assert all(one > 0 for one, _ in at), said
        if must_refuse(bad, key.schema, key.name):
            # What is missing in a mapping stands at that mapping's key, on the line of the value.
            inside = [one for one in problems if one.line >= line]
            assert any(_is_around(printed, one.path) for one in inside), said
            if bad.kind not in {"array", "object"}:
                assert (line, col) in at, said
                # The value behind an anchor is judged too.
                assert len(problems) == 1 or bad.text.startswith("&"), said


def _document(written: str) -> Document:
    try:
        return parse_document(written.encode(), "s.yaml")
    except ScenarioError:
        # Not even YAML: the path is that of the file without the value.
        return parse_document(b"{}", "s.yaml")


def check_accepted(loaded: Any, bad: Bad) -> None:
    """What was accepted says so in the resolved scenario, and the run takes it as it stands."""
    resolved = loaded.resolved()
    again = Scenario.model_validate_json(json.dumps(resolved))
    assert again == loaded.scenario, bad.text
    result = run_world(loaded)
    assert result.records >= 2


def _members() -> Iterator[tuple["Model", str]]:
    for model in WALK.models.values():
        for key in schema_walk.get(model.data, model.way):
            yield model, key


@pytest.mark.parametrize("model", list(WALK.models.values()), ids=WALK.models)
def test_the_specimens_are_valid(model: "Model", loads: Loads) -> None:
    """Else no refusal of the tests here would say anything."""
    loaded, problems = loads(json.dumps(model.data))
    assert not problems, f"SPECIMENS or AROUND in schema_walk.py need a line for {model.name}"
    check_accepted(loaded, Bad("the specimen", ""))


@pytest.mark.parametrize("key", list(WALK.keys.values()), ids=WALK.keys)
def test_the_specimens_of_keys_are_valid(key: "Key", loads: Loads) -> None:
    _, problems = loads(json.dumps(key.data))
    assert not problems, f"SPECIMENS or AROUND in schema_walk.py need a line for {key.name}"


@pytest.mark.parametrize("model", list(WALK.models.values()), ids=WALK.models)
def test_S01_unknown_and_misspelt_keys_of_every_model(model: "Model", loads: Loads) -> None:
    known = list(model.schema["properties"])
    for key, hint in (("zzzzz", ""), (f"{known[-1]}x", known[-1])):
        with_key = deepcopy(model.data)
        schema_walk.get(with_key, model.way)[key] = MARK
        written = json.dumps(with_key, indent=1)
        before = written[: written.index(f'"{key}"')]
        loaded, problems = loads(written)
        assert loaded is None
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        (problem,) = [one for one in problems if (one.line, one.col) == place]
        assert f"unknown key '{key}'" in problem.message
        assert problem.path.endswith(key)
        assert not hint or f"did you mean '{hint}'?" in problem.message


@pytest.mark.parametrize(
    ("model", "key"),
    list(_members()),
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_S02_every_key_twice(model: "Model", key: str, loads: Loads) -> None:
    value = schema_walk.get(model.data, (*model.way, key))
    twice = f"{json.dumps(value)},\n{json.dumps(key)}: {json.dumps(value)}"
    written, line, _ = file_text(model.data, (*model.way, key), twice)
    loaded, problems = loads(written)
    assert loaded is None
    (problem,) = problems
    assert (problem.line, problem.col) == (line + 1, 1)
    assert f"found the key '{key}' a second time, first at {line}:" in problem.message


@pytest.mark.parametrize("model", list(WALK.models.values()), ids=WALK.models)
def test_S01_every_required_key_missing(model: "Model", loads: Loads) -> None:
    for key in model.schema.get("required", []):
        without = deepcopy(model.data)
        del schema_walk.get(without, model.way)[key]
        loaded, problems = loads(json.dumps(without, indent=1))
        assert loaded is None
        assert any(f"the key '{key}' is missing" in one.message for one in problems), problems
        assert all(problem.line for problem in problems)


def test_the_walk_finds_every_model_of_the_schema() -> None:
    assert set(WALK.models) >= set(WALK.root["$defs"])
