"""Every error of a model says its place, what was found, what is allowed and what was meant."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.protocol.config import ScenarioModel
from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.document import (
    MAX_PROBLEMS,
    Document,
    document_from_data,
    parse_document,
    raise_problems,
)
from sim.scenario.locate import load, members, part, validate

Lines = Callable[..., list[str]]
Changed = Callable[[str, str], list[str]]


def test_valid_scenario_loads(load_text: Callable[..., Any], valid: str) -> None:
    scenario = load_text(valid)
    assert scenario.duration == 2 * 10**9
    assert [venue.id for venue in scenario.venues] == ["NYSE", "DARK"]
    assert scenario.venues[0].latency.order.delay == 5 * 10**6


def test_S01_misspelt_key_names_the_nearest_and_is_told_once(changed: Changed) -> None:
    assert changed("duration: 2s", "duratoin: 2s") == [
        "s.yaml:4:1: duratoin: unknown key 'duratoin'; allowed: schema_version, name, seed, "
        "duration, tick_size, venues, parents, note, probe, faults, weights, expect, audit; "
        "did you mean 'duration'?"
    ]


def test_S01_unknown_key_of_a_member_names_its_kind(changed: Changed) -> None:
    assert changed("    fill: 15000", "    asks: []") == [
        "s.yaml:15:5: venues[DARK].asks: unknown key 'asks' with kind: dark; "
        "allowed: id, kind, latency, fill, hold"
    ]


def test_S01_two_unknown_keys_explain_only_one_missing_key(changed: Changed) -> None:
    lines = changed("duration: 2s", "Duration: 2s\nduration_: 2s")
    assert len(lines) == 2
    assert all("did you mean 'duration'?" in line for line in lines)


def test_missing_key_points_at_the_mapping_that_lacks_it(changed: Changed) -> None:
    assert changed("      order: {model: fixed, delay: 5ms}\n", "") == [
        "s.yaml:9:5: venues[NYSE].latency.order: the key 'order' is missing; "
        "required: a mapping with model: fixed or lognormal"
    ]
    assert changed("seed: 7\n", "") == [
        "s.yaml:1:1: seed: the key 'seed' is missing; required: an integer >= 0"
    ]
    assert changed("{id: P2, qty: 2000}", "{id: P2}") == [
        "s.yaml:18:5: parents[P2].qty: the key 'qty' is missing; required: an integer >= 1"
    ]


def test_wrong_tag_names_the_allowed_ones(changed: Changed) -> None:
    assert changed("kind: lit", "kind: lti") == [
        "s.yaml:8:11: venues[NYSE].kind: found text 'lti'; allowed: 'dark' or 'lit'; "
        "did you mean 'lit'?"
    ]
    assert changed("{model: fixed, delay: 5ms}", "{model: gamma, delay: 5ms}") == [
        "s.yaml:10:22: venues[NYSE].latency.order.model: found text 'gamma'; "
        "allowed: 'fixed' or 'lognormal'"
    ]
    assert changed("kind: dark", "kind: 5") == [
        "s.yaml:14:11: venues[DARK].kind: found number 5; allowed: 'dark' or 'lit'"
    ]


def test_missing_and_misspelt_tag(changed: Changed) -> None:
    assert changed("    kind: dark\n", "") == [
        "s.yaml:13:5: venues[DARK].kind: the key 'kind' is missing; required: 'dark' or 'lit'"
    ]
    (line,) = changed("    kind: dark", "    knid: dark")
    assert line.startswith("s.yaml:14:5: venues[DARK].knid: unknown key 'knid'; allowed: kind, ")
    assert line.endswith("did you mean 'kind'?")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seed: 7", "seed: x", "s.yaml:3:7: seed: found text 'x'; allowed: an integer >= 0"),
        ("seed: 7", "seed: -7", "s.yaml:3:7: seed: found number -7; allowed: >= 0"),
        ("seed: 7", "seed: 7.5", "s.yaml:3:7: seed: found number 7.5; allowed: an integer >= 0"),
        ("seed: 7", "seed: 7.0", "s.yaml:3:7: seed: found number 7.0; allowed: an integer >= 0"),
        ("seed: 7", "seed: true", "s.yaml:3:7: seed: found true; allowed: an integer >= 0"),
        ("seed: 7", "seed:", "s.yaml:3:6: seed: found nothing (null); allowed: an integer >= 0"),
        ("seed: 7", "seed: []", "s.yaml:3:7: seed: found an empty list; allowed: an integer >= 0"),
        (
            "seed: 7",
            "seed: {a: 1}",
            "s.yaml:3:7: seed: found a mapping of 1; allowed: an integer >= 0",
        ),
        (
            "seed: 7",
            "seed: '7'",
            "s.yaml:3:7: seed: found text '7'; allowed: an integer >= 0 (in quotes it is text)",
        ),
        (
            "expect: {fill_rate: ",
            "expect: {x: 1, fill_rate: ",
            's.yaml:19:13: expect.x: found number 1; allowed: text (write it in quotes: "1")',
        ),
        (
            "expect: {",
            "audit: {flush: NO}\nexpect: {",
            "s.yaml:19:16: audit.flush: found text 'NO'; "
            "allowed: true or false (yes, no, on and off are text)",
        ),
        (
            "expect: {",
            "audit: {market_data: tuoch}\nexpect: {",
            "s.yaml:19:22: audit.market_data: found text 'tuoch'; "
            "allowed: 'full' or 'touch' or 'none'; did you mean 'touch'?",
        ),
        (
            "expect: {",
            "audit: []\nexpect: {",
            "s.yaml:19:8: audit: found an empty list; "
            "allowed: a mapping with the keys market_data, flush",
        ),
        (
            "duration: 2s ",
            "duration: 10:30 ",
            "s.yaml:4:11: duration: must be a duration with a unit (ns us ms s min) such as 5ms, "
            "was '10:30'",
        ),
        (
            "sigma: 0.5",
            "sigma: 9",
            "s.yaml:11:54: venues[NYSE].latency.report.sigma: found number 9; allowed: <= 5.0",
        ),
        (
            "expect: {",
            "faults: [x]\nexpect: {",
            "s.yaml:19:9: faults: found a list of 1; allowed: an empty list",
        ),
        (
            "expect: {",
            "weights: {NYSE: x}\nexpect: {",
            "s.yaml:19:17: weights.NYSE: found text 'x'; allowed: an integer",
        ),
        (
            "expect: {",
            "weights: {1 a: 5}\nexpect: {",
            "s.yaml:19:11: weights[\"1 a\"]: found the key '1 a'; "
            "allowed: text matching ^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        ),
        (
            '["100.02", 40000]',
            '["100.02"]',
            "s.yaml:12:12: venues[NYSE].asks[0]: found a list of 1; "
            "allowed: a list [text such as 100.02 or an integer, "
            "text such as 100.02 or an integer]",
        ),
    ],
    ids=lambda value: value[:24],
)
def test_S03_wrong_value(changed: Changed, old: str, new: str, line: str) -> None:
    assert changed(old, new) == [line]


@pytest.mark.parametrize(
    "bad", ["0", "-0.01", '"-1"', '"NaN"', '"1e5"', '"\uff11"', "0.01", "true"]
)
def test_D04_D05_decimal_must_be_positive_quoted_text(changed: Changed, bad: str) -> None:
    (line,) = changed('tick_size: "0.01"', f"tick_size: {bad}")
    assert line.startswith("s.yaml:5:12: tick_size: ")
    assert "allowed" in line or "must be" in line


@pytest.mark.parametrize("bad", [".nan", "-.inf", "1e999", "1e-320", "-0.0", "9223372036854775808"])
def test_D05_D06_number_refused_by_the_reader_is_told_once(changed: Changed, bad: str) -> None:
    (line,) = changed("sigma: 0.5", f"sigma: {bad}")
    assert line.startswith("s.yaml:11:54: venues[NYSE].latency.report.sigma: found ")


def test_D11_no_venues(changed: Changed, valid: str, lines: Lines) -> None:
    head, _, rest = valid.partition("venues:\n")
    text = f"{head}venues: []\nparents:{rest.partition('parents:')[2]}"
    (line,) = lines(text)
    assert line.startswith("s.yaml:6:9: venues: found an empty list; allowed: a list of at least 1")


def test_rule_over_the_whole_model_comes_with_its_own_words(changed: Changed) -> None:
    (line,) = changed("id: DARK", "id: NYSE")
    assert line == "s.yaml:1:1: venue ids must differ, was ['NYSE', 'NYSE']"


def test_members_with_one_id_are_named_by_index(changed: Changed) -> None:
    (line,) = changed("{id: P2, qty: 2000}", "{id: P1, qty: 0}")
    assert line.startswith("s.yaml:18:19: parents[1].qty: ")


def test_list_with_wrong_members_is_not_called_too_short(changed: Changed) -> None:
    lines = changed("  - id: NYSE\n    kind: lit\n", "  - id: NYSE\n    kind: lit\n    x: 1\n")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "fill: 15000",
            "fill: ful",
            "s.yaml:15:11: venues[DARK].fill: found text 'ful'; "
            "allowed: 'full' or an integer >= 1 or a mapping; did you mean 'full'?",
        ),
        (
            "fill: 15000",
            "fill: 0",
            "s.yaml:15:11: venues[DARK].fill: found number 0; allowed: >= 1",
        ),
        (
            "fill: 15000",
            "fill: [1]",
            "s.yaml:15:11: venues[DARK].fill: found a list of 1; "
            "allowed: 'full' or an integer >= 1 or a mapping",
        ),
        (
            "fill: 15000",
            "fill: {a: 1, b: x}",
            "s.yaml:15:21: venues[DARK].fill.b: found text 'x'; allowed: an integer",
        ),
        (
            "fill: 15000",
            "hold: nevr",
            "s.yaml:15:11: venues[DARK].hold: found text 'nevr'; "
            "allowed: 'never' or text such as 5ms; did you mean 'never'?",
        ),
        (
            "expect: {",
            "probe: {model: fixed, dealy: 5ms}\nexpect: {",
            "s.yaml:19:23: probe.dealy: unknown key 'dealy'; allowed: model, delay; "
            "did you mean 'delay'?",
        ),
        (
            "expect: {",
            "probe: [1, x]\nexpect: {",
            "s.yaml:19:12: probe[1]: found text 'x'; allowed: an integer",
        ),
        (
            "expect: {",
            "probe: 5\nexpect: {",
            "s.yaml:19:8: probe: found number 5; "
            "allowed: a mapping with the keys model, delay or a list, each an integer",
        ),
    ],
    ids=lambda value: value[:24],
)
def test_untagged_union_gives_one_error(changed: Changed, old: str, new: str, line: str) -> None:
    assert changed(old, new) == [line]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fill: 15000", "fill: !x 5"),
        ("fill: 15000", "fill: {a: *x}"),
        ("kind: dark", "kind: !x dark"),
        ("seed: 7", "seed: &x 7"),
        ("seed: 7", "? [seed]\n: 7"),
        ("    kind: dark", "    ? [kind]\n    : dark"),
        ("expect: {", "probe: {model: !x fixed, delay: 5ms}\nexpect: {"),
        ("id: DARK", "id: 010"),
        ('["100.02", 40000]', "[*x, 40000]"),
        ("  - {id: P1, qty: 1000}", "  - *p"),
    ],
)
def test_what_follows_from_a_refused_value_is_not_told_again(
    changed: Changed, old: str, new: str
) -> None:
    assert len(changed(old, new)) == 1


def test_all_errors_of_a_file_at_once_sorted_by_line(lines: Lines, valid: str) -> None:
    text = (
        valid.replace("seed: 7", "seed: -1")
        .replace("duration: 2s", "duration: 2")
        .replace("kind: lit", "kind: lit\n    kind: dark")
        .replace("fill: 15000", "fil: 15000\n    hold: *x")
        .replace("qty: 1000", "qty: NO")
        .replace("expect: {", "wat: 1\nexpect: {")
    )
    assert [line.split(": ")[0] for line in lines(text)] == [
        "s.yaml:3:7",
        "s.yaml:4:11",
        "s.yaml:9:5",
        "s.yaml:16:5",
        "s.yaml:17:11",
        "s.yaml:19:19",
        "s.yaml:21:1",
    ]


def test_S07_values_and_keys_are_printed_escaped(changed: Changed) -> None:
    (line,) = changed("name: mini", 'name: "caf\\u00e9 日本"')
    assert r"found text 'caf\xe9 \u65e5\u672c'" in line
    (line,) = changed("expect: {", '"a b.c\\"d": 1\nexpect: {')
    assert r'["a b.c\"d"]: unknown key' in line


def test_own_checks_are_reported_in_the_same_list(model: type[ScenarioModel], valid: str) -> None:
    text = valid.replace("seed: 7", "seed: -1").replace("100.03", "100.035")
    document = parse_document(text.encode(), "s.yaml")
    value, problems = validate(document, model)
    assert value is None
    problems.append(document.problem(("venues", 0, "asks", 1, 0), "must be a multiple of 0.01"))
    problems.append(document.problem(("venues", 1, "id"), "not known", at_key=True))
    with pytest.raises(ScenarioError) as caught:
        raise_problems(problems)
    assert [str(problem) for problem in caught.value.problems] == [
        "s.yaml:3:7: seed: found number -1; allowed: >= 0",
        "s.yaml:12:32: venues[NYSE].asks[1][0]: must be a multiple of 0.01",
        "s.yaml:13:5: venues[DARK].id: not known",
    ]


def test_parts_can_be_checked_although_others_are_wrong(
    model: type[ScenarioModel], valid: str
) -> None:
    text = valid.replace("qty: 1000", "qty: x").replace("seed: 7", "seed: !x 7")
    document = parse_document(text.encode(), "s.yaml")
    parents = TypeAdapter(dict[str, Any])
    numbered = TypeAdapter(dict[str, int | str])
    assert part(document, ("expect",), TypeAdapter(dict[str, str])) == {"fill_rate": "== 1"}
    assert part(document, ("expect",), TypeAdapter(dict[str, int])) is None
    assert part(document, ("seed",), TypeAdapter(int)) is None
    assert part(document, ("nothing",), TypeAdapter(int)) is None
    assert list(members(document, ("parents",), parents)) == [0, 1]
    strict = TypeAdapter(dict[str, int])
    assert members(document, ("parents",), strict) == {}
    assert list(members(document, ("parents",), numbered)) == [0, 1]
    assert members(document, ("seed",), numbered) == {}


def test_plain_data_without_lines(model: type[ScenarioModel], document: Document) -> None:
    data = document.data()
    assert load(document_from_data(data, "run.jsonl"), model) == load(document, model)
    data["venues"][0]["latency"]["order"]["delay"] = 5
    with pytest.raises(ScenarioError) as caught:
        load(document_from_data(data, "run.jsonl"), model)
    assert str(caught.value).startswith("run.jsonl: venues[NYSE].latency.order.delay: must be a")


@pytest.mark.parametrize(
    "data",
    [
        {"a": float("nan")},
        {"a": 2**63},
        {"a": "\ud800"},
        {"a": "x" * 100_000},
        {1: "a"},
        {"\u202e": "a"},
        {"a": object()},
        {"a": b"x"},
        {"a": [0] * 200_000},
        [1],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_plain_data_that_no_file_could_hold_is_refused(data: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        document_from_data(data, "run.jsonl")
    assert str(caught.value).startswith("run.jsonl: found ")


def test_plain_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["a"] = data
    with pytest.raises(ScenarioError, match="nested deeper"):
        document_from_data(data, "run.jsonl")


@pytest.mark.parametrize(
    "rest",
    [
        "expect:\n" + "".join(f"  k{i}: {i}\n" for i in range(20_000)),
        "".join(f"duratio{i}: {i}\n" for i in range(20_000)),
        "parents:\n" + "".join(f"- {{id: P{i}, qtty: 5}}\n" for i in range(8_000)),
        "parents: [" + "5, " * 40_000 + "]\n",
        "probe: [" + "x, " * 40_000 + "]\n",
    ],
    ids=["values", "keys", "members", "list", "union"],
)
@pytest.mark.slow
def test_I17_very_many_errors_are_told_in_bounded_time_and_number(
    problems: Callable[..., list[Problem]], rest: str
) -> None:
    start = time.process_time()
    found = problems(f"schema_version: 1\n{rest}")
    assert time.process_time() - start < 2
    assert len(found) == MAX_PROBLEMS + 1
    assert f"only the first {MAX_PROBLEMS}" in found[-1].message
