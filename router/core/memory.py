"""How long children are remembered, so that what comes late is known and memory stays bounded."""

from itertools import islice
from typing import Final

from router.core.orders import Child
from router.core.states import FINAL

MEMORY: Final = 4_096
"""Children of ended parents that are remembered at least."""


def forget(children: dict[str, Child], names: dict[str, Child], least: int) -> None:
    """Forget children of ended parents but the last ones: their venues have long fallen silent.

    What still comes of them is of an unknown order. Each walk is paid for by the children sent
    since the one before.

    Args:
        children: All by their own id, in the order in which they left.
        names: The same by every name that a venue may use.
        least: How many of them stay in any case.
    """
    recent = set(islice(reversed(children), least))
    gone = {
        cl_ord_id
        for cl_ord_id, child in children.items()
        if child.status in FINAL and child.parent.end_reason is not None and cl_ord_id not in recent
    }
    for name in [name for name, child in names.items() if child.cl_ord_id in gone]:
        del names[name]
    for cl_ord_id in gone:
        del children[cl_ord_id]
