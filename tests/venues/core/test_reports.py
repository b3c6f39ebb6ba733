"""Reports by position."""

import inspect

from sim.protocol.orders import ExecutionReport
from venues.core.reports import ReportMaker


def test_positions_are_those_of_the_message() -> None:
    """A field that moves in the message must move in the maker's signature too."""
    signature = inspect.signature(ReportMaker.__call__)
    by_position = [name for name in signature.parameters if name != "self"]
    # What comes behind, the shell fills in.
    assert by_position == list(ExecutionReport.__struct_fields__[: len(by_position)])
    defaults = [
        parameter.default
        for parameter in signature.parameters.values()
        if parameter.default is not inspect.Parameter.empty
    ]
    assert defaults == list(ExecutionReport.__struct_defaults__[: len(defaults)])
