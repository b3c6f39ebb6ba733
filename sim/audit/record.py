"""What every audit record has."""

from typing import Annotated

import msgspec

Whole = Annotated[int, msgspec.Meta(gt=-(1 << 62), lt=1 << 62)]
"""A whole number that sums of 64 bits hold; sorsim's own end far below. Checked in reading."""

WholeLevels = tuple[tuple[Whole, Whole], ...]
"""Prices and lots of a book, as `sim.protocol.market_data.Levels`."""


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """What every record has."""

    t_ns: Whole
