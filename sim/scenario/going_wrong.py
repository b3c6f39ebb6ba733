"""What no single fault can check: ids, and the venues that faults name."""

from collections.abc import Iterator, Sequence

from sim.scenario.document import Document
from sim.scenario.locate import members
from sim.scenario.model import FAULT_ADAPTER
from sim.scenario.nodes import Path
from sim.scenario.wording import did_you_mean


def fault_problems(document: Document, venues: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Every problem of ``faults:`` with the rest, and its place.

    Args:
        document: The scenario.
        venues: The ids of its venues; empty if one of them is wrong.
    """
    taken: dict[str, int] = {}
    for n, fault in members(document, ("faults",), FAULT_ADAPTER).items():
        at: Path = ("faults", n)
        name = fault.id or f"fault{n}"
        if name in taken:
            yield (*at, "id"), f"{name} is the name of faults[{taken[name]}] already"
        taken.setdefault(name, n)
        for key, wanted in fault.named():
            if venues and wanted not in venues:
                hint = did_you_mean(wanted, venues)
                known = ", ".join(venues)
                yield (*at, *key), f"no venue has the id {wanted}{hint}; venues: {known}"
