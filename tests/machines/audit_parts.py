"""What the audit machine stands on: a disk that fails, sums, and a state as plain data."""

import errno
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sim.audit.state import LogState
from sim.audit.target import FileTarget


class PoorDisk(FileTarget):
    """A file on a disk that has room for ``room`` more bytes, if that is set."""

    room: int | None = None
    confirms = True

    def write(self, offset: int, lines: bytearray) -> None:
        if self.room is None:
            super().write(offset, lines)
            return
        if self.room:
            super().write(offset, lines[: self.room])
        raise OSError(errno.ENOSPC, "No space left on device")

    def confirm(self) -> None:
        if not self.confirms:
            raise OSError(errno.EIO, "Input/output error")
        super().confirm()


@dataclass
class Sums:
    """What the blotter holds of one order."""

    ordered: int
    left: int
    filled: int = 0
    paid: int = 0
    fees: Decimal = Decimal(0)
    gone: int = 0
    over: bool = False


def seen_in(state: LogState) -> Any:
    """The blotter's picture of a state."""
    parents = {
        name: asdict(
            Sums(
                parent.received.order_qty,
                parent.working_qty,
                parent.filled_qty,
                parent.tick_lots,
                parent.fees,
                parent.canceled_qty,
                parent.end_reason is not None,
            )
        )
        for name, parent in state.parents.items()
    }
    children = {
        name: asdict(
            Sums(
                child.order_qty,
                child.leaves_qty,
                child.cum_qty,
                child.tick_lots,
                child.fees,
                child.canceled_qty,
                not child.is_open,
            )
        )
        for name, child in state.children.items()
    }
    return parents, children
