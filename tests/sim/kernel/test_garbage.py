"""The garbage collector's setting during runs."""

import gc
from collections.abc import Iterator

import pytest

from sim.kernel.garbage import THRESHOLD, no_collections, rare_collections


@pytest.fixture(autouse=True)
def default_threshold() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_setting_holds_within_the_block_and_is_restored() -> None:
    with rare_collections():
        assert gc.get_threshold() == (THRESHOLD, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_setting_is_restored_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), rare_collections():
        raise ValueError("x")
    assert gc.get_threshold() == (700, 10, 10)


def test_of_overlapping_blocks_the_last_to_leave_restores() -> None:
    first, second = rare_collections(), rare_collections()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == THRESHOLD
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [0, THRESHOLD, 2 * THRESHOLD])
def test_rarer_setting_stays(own: int) -> None:
    gc.set_threshold(own, 10, 10)
    with rare_collections():
        assert gc.get_threshold()[0] == own
    assert gc.get_threshold()[0] == own


def test_no_collections_within_the_block_alone() -> None:
    assert gc.isenabled()
    with no_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="x"), no_collections():
        raise ValueError("x")
    assert gc.isenabled()


def test_collections_that_were_off_stay_off() -> None:
    gc.disable()
    try:
        with no_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
