import pytest

from router.core.states import FINAL, TRANSITIONS, OrdEvent, after
from sim.protocol.enums import OrdStatus


@pytest.mark.parametrize("status", OrdStatus)
@pytest.mark.parametrize("event", OrdEvent)
def test_every_pair_leads_to_the_tables_state_or_nowhere(
    status: OrdStatus, event: OrdEvent
) -> None:
    assert after(status, event) is TRANSITIONS[status].get(event)


@pytest.mark.parametrize("status", [status for status in OrdStatus if status in FINAL])
def test_nothing_leads_out_of_a_final_state(status: OrdStatus) -> None:
    """I3: after the end only the refusal of a cancel that crossed it is expected."""
    assert set(TRANSITIONS[status].values()) <= {status}


def test_F11_a_fill_may_overtake_the_acknowledgement() -> None:
    filled_first = after(OrdStatus.PENDING_NEW, OrdEvent.PARTIAL)
    assert filled_first is OrdStatus.PARTIALLY_FILLED
    assert after(filled_first, OrdEvent.ACK) is OrdStatus.PARTIALLY_FILLED


def test_every_state_that_is_not_final_can_end() -> None:
    """I18: from every open state some event leads to the end."""
    for status in set(OrdStatus) - FINAL:
        assert set(TRANSITIONS[status].values()) & FINAL
