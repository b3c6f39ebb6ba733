"""The table of converters."""

import pytest

from sim.data import CONVERTERS, converter


@pytest.mark.parametrize("name", CONVERTERS)
def test_each_name_leads_to_a_documented_function(name: str) -> None:
    assert converter(name).__doc__


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        converter("nonsense")
