"""From the name of a class in a scenario to the class: the only place that imports users' code.

It is done as a run is put together, and only for scenarios that were loaded with ``allow_code``. A
file is run as a new module each time, so that no run meets what another has left in it, and nothing
is written beside it; the log has its SHA-256. A module that is imported is Python's as any other:
it is run once in a process, and the log has its name only.
"""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from router.allocate.base import Strategy
from router.config import RouterConfig
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.own.desk import DecidingDesk, OwnCore, OwnDesk, brought
from router.own.guard import Plugin
from router.own.session import SessionDesk
from router.own.split import OwnSplit
from router.settings.own import OwnConfig, OwnSplitConfig
from sim.protocol.errors import PluginError
from sim.protocol.units import Units
from sim.scenario.load import LoadedScenario
from sim.scenario.plugin_names import class_of, file_of

_MODULE: Final = "sorsim_plugin_"
"""The first part of the name of a module that is a file."""


def plugin_of(loaded: LoadedScenario) -> Plugin | None:
    """The user's class that the scenario's strategy names, ready to be made; None: it names none.

    Raises:
        PluginError: If it cannot be had, or is not what the strategy needs.
    """
    strategy = loaded.scenario.router.strategy
    if not isinstance(strategy, OwnConfig | OwnSplitConfig):
        return None
    ref = next(one for one in loaded.scenario.plugins if class_of(one) == strategy.plugin)
    if not loaded.allow_code:
        raise PluginError(f"plug-in {ref} was not allowed to run", plugin=ref)
    params = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in strategy.params.items()
    }
    plugin = found_plugin(ref, loaded.resolve, params)
    _check_form(plugin, strategy)
    return plugin


def own_core(
    loaded: LoadedScenario, profiles: tuple[VenueProfile, ...], units: Units, *, is_routed: bool
) -> RouterCore:
    """The core of a router with the user's code inside; that is not imported if nothing is routed.

    Raises:
        PluginError: If the code cannot be had, or what it makes is not what is needed.
    """
    config = loaded.scenario.router
    plugin = plugin_of(loaded) if is_routed else None
    if plugin is None:
        return OwnCore(profiles, config, OwnDesk(profiles, config, units, "none"))
    return core_of(plugin, profiles, config, units)


def core_of(
    plugin: Plugin, profiles: tuple[VenueProfile, ...], config: RouterConfig, units: Units
) -> RouterCore:
    """The core of a router with a class inside that is at hand.

    Raises:
        PluginError: If the class is not what ``config.strategy`` needs, or cannot be made.
    """
    strategy = config.strategy
    assert isinstance(strategy, OwnConfig | OwnSplitConfig)
    _check_form(plugin, strategy)
    if isinstance(strategy, OwnSplitConfig):
        return RouterCore(profiles, brought(config, OwnSplit(plugin)), units)
    made = SessionDesk if hasattr(plugin.made, "run") else DecidingDesk
    return OwnCore(profiles, config, made(profiles, config, units, plugin))


def try_plugin(loaded: LoadedScenario) -> None:
    """Import and make what the scenario names, to no other end.

    Raises:
        PluginError: If that fails.
    """
    plugin = plugin_of(loaded)
    if plugin is not None:
        plugin.make()


def found_plugin(ref: str, resolve: Callable[[str], Path], params: dict[str, Any]) -> Plugin:
    """A class by its name in ``plugins``: runs its file, or imports its module.

    Args:
        ref: ``file.py:Class`` or ``package.module:Class``.
        resolve: Finds the file.
        params: What the class is made with.

    Raises:
        PluginError: If it cannot be had.
    """
    file = file_of(ref)
    if file is not None:
        path = resolve(file)
        named = Plugin(ref, str(path), _nothing)
        module = named.call(_run_file, path)
    else:
        name = ref.rpartition(":")[0]
        module = Plugin(ref, name, _nothing).call(import_module, name)
    place = str(getattr(module, "__file__", None) or ref)
    made = getattr(module, class_of(ref), None)
    if not isinstance(made, type):
        what = "has no" if made is None else "has, but not as a class,"
        Plugin(ref, place, _nothing).wrong(f"the module {what} {class_of(ref)}")
    return Plugin(ref, place, made, params)


def _run_file(path: Path) -> ModuleType:
    """A new module from a file; errors keep its name and lines."""
    module = ModuleType(f"{_MODULE}{path.stem}")
    module.__file__ = str(path)
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    sys.modules[module.__name__] = module  # where dataclasses, for one, look it up
    exec(code, module.__dict__)
    return module


def _check_form(plugin: Plugin, strategy: OwnConfig | OwnSplitConfig) -> None:
    made = plugin.made
    if isinstance(strategy, OwnSplitConfig):
        if not (isinstance(made, type) and issubclass(made, Strategy)):
            plugin.wrong("must be a subclass of router.allocate.base.Strategy for kind: own_split")
        return
    decide, run = getattr(made, "decide", None), getattr(made, "run", None)
    if (decide is None) is (run is None):
        plugin.wrong("must have either decide(self, view, state) or async run(self, session)")
    hook: Callable[..., Any] | None = decide if run is None else run
    if not callable(hook):
        plugin.wrong("decide or run must be a method")
    if run is not None and not inspect.iscoroutinefunction(run):
        plugin.wrong("run must be an async function: async def run(self, session)", run)
    if run is None and (inspect.iscoroutinefunction(decide) or inspect.isasyncgenfunction(decide)):
        plugin.wrong("decide must not be async; the async form is async def run(...)", decide)


def _nothing() -> None:
    """What is made before the class is known."""
