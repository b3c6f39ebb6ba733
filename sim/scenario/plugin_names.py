"""How a scenario names code of the user's, and whether it may. Nothing is imported here."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from pydantic import Field

from router.config import RouterConfig
from router.settings.own import OwnConfig, OwnSplitConfig
from sim.protocol.errors import DataFormatError
from sim.scenario.data_files import Resolve
from sim.scenario.nodes import Path
from sim.scenario.wording import did_you_mean

_CLASS: Final = r":[A-Za-z_][A-Za-z0-9_]{0,63}$"
_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
PluginRef = Annotated[
    str,
    Field(
        max_length=300,
        pattern=rf"^(({_WORD}/)*{_WORD}\.py|{_WORD}(\.{_WORD}){{0,9}}){_CLASS}",
        examples=["my_router.py:MyRouter", "my_package.my_module:MyRouter"],
    ),
]
"""``file.py:Class`` or ``package.module:Class``."""

Found = Iterator[tuple[Path, str]]

_OWN_KEYS: Final = frozenset(
    {"strategy", "market_data", "ack_timeout", "max_attempts", "cancel_resends", "backoff"}
)
"""What still has a meaning where the router is the user's own, beside pre-trade controls."""
_OURS: Final = {"controls", "market"}


def class_of(ref: str) -> str:
    """The name of the class."""
    return ref.rpartition(":")[2]


def file_of(ref: str) -> str | None:
    """The file in the scenario's folder that a name means; None: it means a module."""
    where = ref.rpartition(":")[0]
    return where if where.endswith(".py") else None


def plugin_files(refs: Iterable[str]) -> Iterator[str]:
    """The files that names mean."""
    for ref in refs:
        file = file_of(ref)
        if file is not None:
            yield file


def plugin_problems(
    refs: tuple[str, ...],
    strategy: object,
    router: RouterConfig | None,
    resolve: Resolve,
    *,
    allow_code: bool,
) -> Found:
    """What is wrong with the names of code and with what uses them, each at its place.

    Args:
        refs: The key ``plugins``.
        strategy: The strategy, if it is valid.
        router: The router's part, if it is valid.
        resolve: Finds a file in the scenario's folder.
        allow_code: Whether whoever runs this allows code of the scenario's to run.
    """
    first: dict[str, int] = {}
    for n, ref in enumerate(refs):
        if not allow_code:
            message = f"{ref} is code, which would run with your rights: only with --allow-code"
            yield ("plugins", n), f"{message} (in Python: allow_code=True)"
        if class_of(ref) in first:
            twice = f"{class_of(ref)} is the class of plugins[{first[class_of(ref)]}] already"
            yield ("plugins", n), twice
        first.setdefault(class_of(ref), n)
        file = file_of(ref)
        if file is not None:
            try:
                resolve(file)
            except DataFormatError as error:
                yield ("plugins", n), error.message
    if isinstance(strategy, OwnConfig | OwnSplitConfig) and strategy.plugin not in first:
        hint = did_you_mean(strategy.plugin, list(first))
        known = ", ".join(first) or "none; name it there as file.py:Class or package.module:Class"
        message = f"plugins names no class {strategy.plugin}{hint}; it names: {known}"
        yield ("router", "strategy", "plugin"), message
    if isinstance(strategy, OwnConfig) and router is not None:
        yield from _without_effect(router)


def _without_effect(router: RouterConfig) -> Found:
    """Settings of what the user's own router decides itself: they would do nothing."""
    does_nothing = "does nothing with a router of your own, which decides that itself"
    for name, field in RouterConfig.model_fields.items():
        if name in _OWN_KEYS or name in _OURS:
            continue
        value, usual = getattr(router, name), field.get_default(call_default_factory=True)
        if name == "reroute":
            # Who books fills asks for these two.
            value = value.model_copy(update={"busted": False, "reserve_unanswered": None})
        if value != usual:
            yield ("router", name), does_nothing
