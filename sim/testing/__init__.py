"""For users' tests: venues for routers of their own, in pytest, and contracts for what extends us.

    @pytest.mark.scenario("fragmented")
    async def test_it(market): ...

What is named here loads on first use. The contracts, which every kind must keep, are functions that
need no test framework (``sim.testing.contracts``).
"""

_TABLE = {
    "Answer": "sim.testing.scripted",
    "Arrivals": "sim.testing.streams",
    "AuditTrail": "sim.testing.trail",
    "Finding": "sim.testing.searching",
    "Market": "sim.testing.market",
    "MarketError": "sim.testing.streams",
    "MarketParent": "sim.testing.parents",
    "SILENT": "sim.testing.scripted",
    "Session": "sim.testing.session",
    "SimClock": "sim.testing.clock",
    "ack": "sim.testing.scripted",
    "assert_best_execution": "sim.testing.asserts",
    "assert_filled": "sim.testing.asserts",
    "assert_log_valid": "sim.testing.asserts",
    "assert_no_overfill": "sim.testing.asserts",
    "expire": "sim.testing.scripted",
    "fill": "sim.testing.scripted",
    "make_order": "sim.testing.messages",
    "make_report": "sim.testing.messages",
    "on_cancel": "sim.testing.scripted",
    "reject": "sim.testing.scripted",
    "repeat": "sim.testing.scripted",
    "scenario": "sim.testing.builders",
    "search": "sim.testing.searching",
    "venue": "sim.testing.builders",
    "wait": "sim.testing.scripted",
}
__all__ = sorted(_TABLE)  # noqa: PLE0605 - the table is the one list


def __getattr__(name: str) -> object:
    """Load what the table names, and keep it."""
    if name not in _TABLE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_TABLE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All names, loaded or not."""
    return sorted({*globals(), *_TABLE})
