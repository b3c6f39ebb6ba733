"""Overrides change the data before validation, and problems with them name the override."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.scenario.document import Document, parse_document
from sim.scenario.overrides import OverrideError, Step, apply_overrides, resolve_steps, split_path

Lines = Callable[..., list[str]]
Load = Callable[..., Any]


def applied(document: Document, *texts: str) -> dict[str, Any]:
    """The data after overrides that must all apply."""
    apply_overrides(document, texts)
    assert document.problems() == []
    return document.data()


def test_member_by_id_and_by_index(load_text: Load, valid: str) -> None:
    scenario = load_text(
        valid,
        "venues[NYSE].latency.order.delay=20ms",
        "parents[P1].qty=5000",
        "parents[1].qty=6000",
        "duration=3s",
    )
    assert scenario.venues[0].latency.order.delay == 20 * 10**6
    assert [parent.qty for parent in scenario.parents] == [5000, 6000]
    assert scenario.duration == 3 * 10**9


def test_value_follows_the_rules_of_the_file(document: Document) -> None:
    data = applied(
        document,
        "a=NO",
        "b=true",
        "c=1e3",
        "d=10:30",
        "e=",
        "f='5'",
        'g="x\\ty"',
        "h=[1, {b: 2}, '3']",
        "i={model: fixed, delay: 5ms}",
        "j=>= 0.5",
        "k=== 1",
        "l=a: b # c",
        "m=| x",
        "n= 5 ",
        "o=- 1",
        "p={}",
    )
    assert [data[key] for key in "abcdefg"] == ["NO", True, 1000.0, "10:30", None, "5", "x\ty"]
    assert [data[key] for key in "hi"] == [[1, {"b": 2}, "3"], {"model": "fixed", "delay": "5ms"}]
    assert [data[key] for key in "jklmnop"] == [">= 0.5", "== 1", "a: b # c", "| x", 5, "- 1", {}]


def test_later_override_wins(document: Document) -> None:
    assert applied(document, "seed=1", "seed=2", "audit={flush: false}", "audit.flush=true") == {
        **parse_document(b"{}", "x").data(),
        **document.data(),
        "seed": 2,
        "audit": {"flush": True},
    }


def test_missing_mapping_is_made_and_null_is_replaced(document: Document) -> None:
    data = applied(document, "a.b.c=1", "note=", "note.x=2", 'study["venues[0].fee"].min=3')
    assert data["a"] == {"b": {"c": 1}}
    assert data["note"] == {"x": 2}
    assert data["study"] == {"venues[0].fee": {"min": 3}}


def test_id_wins_over_index() -> None:
    document = parse_document(b"p: [{id: '1', q: a}, {id: x, q: b}, {id: '0', q: c}]\n", "s.yaml")
    applied(document, "p[0].q=zero", "p[1].q=one")
    assert [member["q"] for member in document.data()["p"]] == ["one", "b", "zero"]


def test_whole_member_is_replaced(load_text: Load, valid: str) -> None:
    scenario = load_text(valid, "venues[DARK]={id: POOL, kind: dark, fill: full}")
    assert scenario.venues[1].id == "POOL"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "venues[NYSE].latnecy.order.delay=20ms",
            "--set venues[NYSE].latnecy.order.delay=20ms: venues[NYSE].latnecy: "
            "unknown key 'latnecy' with kind: lit; allowed: id, kind, latency, asks; "
            "did you mean 'latency'?",
        ),
        (
            "venues[NYS].kind=lit",
            "--set venues[NYS].kind=lit: venues: found no member 'NYS'; "
            "allowed: NYSE, DARK, or an index below 2; did you mean 'NYSE'?",
        ),
        (
            "venues[2].kind=lit",
            "--set venues[2].kind=lit: venues: found no member '2'; "
            "allowed: NYSE, DARK, or an index below 2",
        ),
        (
            "venues[0].asks[5]=1",
            "--set venues[0].asks[5]=1: venues[NYSE].asks: found no member '5'; "
            "allowed: an index below 2",
        ),
        (
            "venues.NYSE.kind=lit",
            "--set venues.NYSE.kind=lit: venues: found the key 'NYSE' in a list; "
            "allowed: a member, venues[...]",
        ),
        (
            "venuse[NYSE].kind=lit",
            "--set venuse[NYSE].kind=lit: venuse: found no list here; did you mean 'venues'?",
        ),
        (
            "seed.x=1",
            "--set seed.x=1: seed: found number 7, which has no part 'x'",
        ),
        (
            "expect[0]=1",
            "--set expect[0]=1: expect: found the index [0] in a mapping; allowed: a key",
        ),
        ("seed=-5", "--set seed=-5: seed: found number -5; allowed: >= 0"),
        (
            "seed=.nan",
            "--set seed=.nan: seed: found '.nan'; allowed: finite numbers only",
        ),
        (
            "audit={flush: 1, flush: 2}",
            "--set audit={flush: 1, flush: 2}: audit.flush: "
            "found the key 'flush' a second time; allowed: once",
        ),
        (
            "note=!x y",
            "--set note=!x y: note: found the tag '!x'; allowed: no tags",
        ),
        (
            "note=*x",
            "--set note=*x: note: found the alias '*x'; allowed: no anchors and aliases",
        ),
        (
            "venues[DARK].latency={}",
            None,
        ),
        ("seed", "--set seed: found no = after the path; allowed: PATH=VALUE"),
        (
            "seed[=1",
            "--set seed[=1: found no = after the path, but '[=1' follows; allowed: PATH=VALUE",
        ),
        ("=1", "--set =1: found '=1'; allowed: PATH=VALUE, the path starting with a key"),
        ("", "--set : found ''; allowed: PATH=VALUE, the path starting with a key"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_wrong_override_is_the_place_of_the_error(
    lines: Lines, valid: str, text: str, line: str | None
) -> None:
    found = lines(valid, text)
    if line is not None:
        assert found == [line]
    assert all(one.startswith(f"--set {text}: ") for one in found)


def test_errors_of_file_and_overrides_come_together(lines: Lines, valid: str) -> None:
    text = valid.replace("duration: 2s", "duration: 2")
    found = lines(text, "seed=x", "venues[NO].kind=lit", "parents[P1].qty=-1")
    assert [line.split(": ")[0] for line in found] == [
        "s.yaml:4:11",
        "--set parents[P1].qty=-1",
        "--set seed=x",
        "--set venues[NO].kind=lit",
    ]


def test_override_of_a_wrong_value_mends_it(load_text: Load, valid: str) -> None:
    assert load_text(valid.replace("seed: 7", "seed: x"), "seed=8").seed == 8


@pytest.mark.parametrize("text", ["a=\u202e", "a=x\x00", "a=\ud800", "a=x\ny\x1b", "a='\u200b'"])
def test_S07_deceiving_characters_in_an_override(lines: Lines, valid: str, text: str) -> None:
    assert all(line.startswith("--set a=") for line in lines(valid, text))


def test_I17_long_and_deep_overrides_are_bounded(lines: Lines, valid: str) -> None:
    for text in ("a" + ".b" * 10_000 + "=1", "note=" + "x" * 10**6, "note=" + "[" * 10**5):
        (line,) = lines(valid, text)
        assert len(line) < 500


def test_option_name_is_free(document: Document) -> None:
    apply_overrides(document, ["seed=.inf"], option="--grid")
    (problem,) = document.problems()
    assert str(problem).startswith("--grid seed=.inf: seed: ")


def test_paths_can_be_resolved_alone(document: Document) -> None:
    steps = split_path('venues[NYSE].fees["a.b"]')
    assert steps == (
        Step("venues", is_key=True),
        Step("NYSE", is_key=False),
        Step("fees", is_key=True),
        Step("a.b", is_key=True),
    )
    assert resolve_steps(document, steps) == ("venues", 0, "fees", "a.b")
    with pytest.raises(OverrideError):
        split_path("venues[NYSE]=5")
