"""What the latency part of a scenario may say, and how links draw from it."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sim.kernel.latency import LATENCY_MODELS, LatencyConfig, LatencySampler, OrderLatencyModel

MakeLatency = Callable[..., LatencySampler]
Parse = Callable[[dict[str, Any]], LatencyConfig]

NAN, INF = float("nan"), float("inf")

VALID: list[dict[str, Any]] = [
    {"model": "fixed", "delay": "0ns"},
    {"model": "fixed", "delay": "5ms"},
    {"model": "normal", "mean": "5ms", "sd": "1ms"},
    {"model": "lognormal", "median": "5ms", "sigma": 0.5},
    {"model": "lognormal", "median": "5ms", "sigma": 0, "floor": "1ms"},
    {"model": "shifted_exponential", "shift": "0ns", "mean": "1ns"},
    {"model": "empirical", "file": "rt.csv", "fraction": 0.5},
    {"model": "empirical", "file": "rt.csv", "fraction": 1, "kind": "cancel"},
    {
        "model": "autocorrelated",
        "base": {"model": "lognormal", "median": "5ms", "sigma": 0.5, "floor": "0ns"},
        "rho": 0.9,
    },
    {
        "model": "by_message",
        "create": {"model": "lognormal", "median": "5ms", "sigma": 0.5, "floor": "0ns"},
        "cancel": {"model": "fixed", "delay": "4ms"},
    },
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": "fixed"}, "fixed.delay"),
    ({"model": "fixed", "delay": "-5ms"}, "fixed.delay"),
    ({"model": "fixed", "delay": 5}, "fixed.delay"),
    ({"model": "fixed", "delay": "5"}, "fixed.delay"),
    ({"model": "fixed", "delay": "40min", "dealy": "5ms"}, "fixed.dealy"),
    ({"model": "normal", "mean": "5ms", "sd": "-1ms"}, "normal.sd"),
    ({"model": "normal", "mean": "900000000s", "sd": "100000000s"}, "normal"),
    ({"model": "lognormal", "median": "0ms", "sigma": 0.5}, "lognormal.median"),
    ({"model": "lognormal", "median": "5ms", "sigma": -0.1}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "5ms", "sigma": NAN}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "5ms", "sigma": INF}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "5ms", "sigma": 4.1}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "5ms", "sigma": "0.5"}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "5ms", "sigma": True}, "lognormal.sigma"),
    ({"model": "lognormal", "median": "1s", "sigma": 4.0}, "lognormal"),
    ({"model": "shifted_exponential", "shift": "5ms", "mean": "0ms"}, "shifted_exponential.mean"),
    (
        {"model": "shifted_exponential", "shift": "0ms", "mean": "30000000s"},
        "shifted_exponential",
    ),
    ({"model": "empirical", "file": "", "fraction": 0.5}, "empirical.file"),
    ({"model": "empirical", "file": "rt.csv"}, "empirical.fraction"),
    ({"model": "empirical", "file": "rt.csv", "fraction": 1.01}, "empirical.fraction"),
    ({"model": "empirical", "file": "rt.csv", "fraction": -0.01}, "empirical.fraction"),
    ({"model": "empirical", "file": "rt.csv", "fraction": NAN}, "empirical.fraction"),
    ({"model": "empirical", "file": "rt.csv", "fraction": 0.5, "kind": "new"}, "empirical.kind"),
    ({"model": "by_message", "create": {"model": "fixed", "delay": "1ms"}}, "by_message.cancel"),
    (
        {
            "model": "by_message",
            "create": {"model": "fixed", "delay": "1ms"},
            "cancel": {"model": "by_message"},
        },
        "by_message.cancel",
    ),
    ({"model": "gaussian", "mean": "5ms"}, ""),
    ({"delay": "5ms"}, ""),
]


def ident(settings: dict[str, Any]) -> str:
    return "-".join(f"{value}" for value in settings.values())


@pytest.mark.parametrize("settings", VALID, ids=ident)
def test_what_is_written_comes_back(latency_config: Parse, settings: dict[str, Any]) -> None:
    """The resolved scenario in a log must build the same model again."""
    config = latency_config(settings)
    dumped = config.model_dump(mode="json")
    assert latency_config(dumped) == config
    assert {key: dumped[key] for key in settings} == settings


@pytest.mark.parametrize(("settings", "place"), REFUSED, ids=lambda x: str(x)[:60])
def test_bad_settings_are_refused_at_their_place(
    latency_config: Parse, settings: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        latency_config(settings)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [place]


def test_a_law_with_draws_beyond_the_range_of_times_says_so(latency_config: Parse) -> None:
    with pytest.raises(ValidationError, match=r"could draw delays up to .* allowed are at most"):
        latency_config({"model": "lognormal", "median": "1s", "sigma": 4.0})


def test_the_table_names_each_model_by_its_tag() -> None:
    assert list(LATENCY_MODELS) == [
        "fixed", "normal", "lognormal", "shifted_exponential", "empirical",
        "autocorrelated", "by_message",
    ]  # fmt: skip
    assert {settings["model"] for settings in VALID} == set(LATENCY_MODELS)


def test_a_json_schema_can_be_made_of_all_models() -> None:
    schema = TypeAdapter(OrderLatencyModel).json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(LATENCY_MODELS)


def test_only_models_that_read_files_name_them(latency_config: Parse) -> None:
    assert latency_config(VALID[0]).files() == ()
    assert latency_config(VALID[-3]).files() == ("rt.csv",)


@pytest.mark.parametrize("settings", [s for s in VALID if s["model"] != "empirical"], ids=ident)
def test_popping_the_buffer_gives_the_draws(
    make_latency: MakeLatency, settings: dict[str, Any]
) -> None:
    """A link pops by itself and refills an empty buffer; refilling earlier keeps the order."""
    drawing, popping = make_latency(settings), make_latency(settings)
    buffer, pop = popping.buffer, popping.buffer.pop
    popped: list[int] = []
    for i in range(10_000):
        if not buffer or i in {10, 100, 5000}:
            popping.refill()
        popped.append(pop())
    assert popped == [drawing.draw() for _ in range(10_000)]
    assert popping.buffer is buffer
    assert all(type(x) is int for x in popped)
