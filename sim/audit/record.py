"""What every audit record has."""

import msgspec


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """What every record has."""

    t_ns: int
