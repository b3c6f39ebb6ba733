"""Simulates several trading venues at once and a smart order router that works across them.

    import sim

    result = sim.run("fragmented", sets=["router.strategy.kind=top_of_book"])
    print(result.summary["parents"][0]["avg_px"])

What is named here loads on first use; what it is stands in the ``.pyi`` beside this file.
"""

_FACADE = {
    "__version__": "sim.protocol.version:__version__",
    "LoadedScenario": "sim.scenario.load:LoadedScenario",
    "RunResult": "sim.world:RunResult",
    "ScenarioError": "sim.protocol.errors:ScenarioError",
    "SorsimError": "sim.protocol.errors:SorsimError",
    "arun": "sim.api:arun",
    "check": "sim.study.check:check",
    "compare": "sim.study.compare_runs:compare",
    "diff": "sim.study.diff:diff",
    "explain": "sim.report.explain:explain",
    "load_scenario": "sim.scenario.load:load_scenario",
    "read_log": "sim.report.tables.frames:read_log",
    "read_records": "sim.audit.read:read_records",
    "replay": "sim.report.rebuild:replay",
    "run": "sim.api:run",
    "sweep": "sim.study.sweep.api:sweep",
    "whatif": "sim.study.whatif:whatif",
}
__all__ = sorted(_FACADE)  # noqa: PLE0605 - the table is the one list


def __getattr__(name: str) -> object:
    """Load what the facade names, and keep it."""
    if name not in _FACADE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, _, attribute = _FACADE[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All names, loaded or not."""
    return sorted({*globals(), *_FACADE})
