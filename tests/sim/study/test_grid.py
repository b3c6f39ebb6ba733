"""A grid is read as it was meant, or refused with what is wrong."""

import pytest

from sim.scenario.load import load_scenario
from sim.study.grid import (
    MAX_POINTS,
    Axis,
    GridError,
    axis_of,
    expand,
    grid_of,
    idle_axes,
    parse_axis,
    sets_of,
)


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("a.b=1,2", "a.b", ("1", "2")),
        ("seed=1", "seed", ("1",)),
        ("venues[NYSE].latency.order.delay=5ms, 20ms", "venues[NYSE].latency.order.delay", None),
        ('venues[A].fill_risk="0.1","0.2"', "venues[A].fill_risk", ('"0.1"', '"0.2"')),
        ('a={x: 1, y: [2, 3]},"p,q"', "a", ("{x: 1, y: [2, 3]}", '"p,q"')),
        (r'a="x\",y",z', "a", (r'"x\",y"', "z")),
        ("a=it's,that", "a", ("it's", "that")),
        ("a='x,y',z", "a", ("'x,y'", "z")),
        ('a["x.y"]=1,2', 'a["x.y"]', ("1", "2")),
        ("a={k: 'x]'},2", "a", ("{k: 'x]'}", "2")),
    ],
)
def test_an_axis_is_a_path_and_its_values(
    text: str, path: str, values: tuple[str, ...] | None
) -> None:
    assert parse_axis(text) == Axis(path, values or ("5ms", "20ms"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "found ''; allowed: PATH=a,b,c"),
        ("a", "found no = after the path; allowed: PATH=a,b,c"),
        ("=1,2", "allowed: PATH=a,b,c, the path starting with a key"),
        ("a=", "found an empty value"),
        ("a=1,,2", "found an empty value"),
        ("a=1,2,", "found an empty value"),
        ("a=1,2,1", "found '1' twice; allowed: each once"),
        ("a=[1,2", "found no closing ]"),
        ('a="x,y', 'found no closing "'),
    ],
)
def test_what_is_no_axis_is_refused_with_its_text(text: str, says: str) -> None:
    with pytest.raises(GridError) as caught:
        parse_axis(text)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"'{text[:1].strip('=')}")


def test_values_of_a_scenario_file_become_values_of_the_command_line() -> None:
    axis = axis_of("router.strategy.kind", ["greedy", "top_of_book"])
    assert axis == parse_axis("router.strategy.kind=greedy,top_of_book")
    assert axis_of("x.y", [0.01, 1e-05, 3, "true"]).values == ("0.01", "1e-05", "3", "true")
    with pytest.raises(GridError, match="found = in the path"):
        axis_of("a=b", [1])


def test_the_points_of_a_grid_the_last_axis_running_fastest() -> None:
    grid = grid_of([parse_axis("a=1,2"), parse_axis("b=x,y,z")])
    points = expand(grid)
    assert [tuple(point.values()) for point in points] == [
        ("1", "x"),
        ("1", "y"),
        ("1", "z"),
        ("2", "x"),
        ("2", "y"),
        ("2", "z"),
    ]
    assert sets_of(points[1]) == ("a=1", "b=y")
    assert expand(()) == [{}]


def test_a_path_twice_and_too_many_points_are_refused() -> None:
    with pytest.raises(GridError, match="found the path twice"):
        grid_of([parse_axis("a=1"), parse_axis("b=1"), parse_axis("a=2")])
    many = [Axis(name, tuple(map(str, range(10)))) for name in "abcde"]
    with pytest.raises(GridError, match=f"found 100,000 points; allowed: at most {MAX_POINTS:,}"):
        grid_of(many)


def test_an_axis_that_changes_nothing_is_idle() -> None:
    grid = grid_of([parse_axis("a=1,2"), parse_axis("b=1,2"), parse_axis("c=1")])
    points = expand(grid)
    assert idle_axes(grid, points, [point["a"] for point in points]) == ["b"]
    assert idle_axes(grid, points, [0] * 4) == ["a", "b"]
    assert idle_axes(grid, points, [0, 0, 0, 1]) == []


def test_every_point_loads_as_overrides() -> None:
    grid = grid_of([
        parse_axis("router.strategy.kind=greedy,top_of_book"),
        parse_axis("venues[NYSE].latency.order.delay=5ms,20ms"),
    ])  # fmt: skip
    found = [load_scenario("fragmented", sets=sets_of(point)).scenario for point in expand(grid)]
    assert [
        (one.router.strategy.kind, one.venues[0].latency.order.delay // 1_000_000) for one in found
    ] == [("greedy", 5), ("greedy", 20), ("top_of_book", 5), ("top_of_book", 20)]


def test_S09_ten_thousand_values_are_looked_at_once_each() -> None:
    """Compared each with each, the values of one argument would take minutes."""
    axis = parse_axis("a=" + ",".join(map(str, range(20_000))))
    assert len(axis.values) == 20_000
    with pytest.raises(GridError, match="found '7' twice"):
        parse_axis("a=" + ",".join(map(str, [*range(20_000), 7])))
