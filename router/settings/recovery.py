"""Settings of how what was lost between router and venues is found again (``router.recovery``)."""

from typing import Annotated

from pydantic import Field

from sim.protocol.config import Duration, ScenarioModel


class RecoveryConfig(ScenarioModel):
    """How reports that are missing are had after all, and what is done when they are not.

    Reports of a session are numbered. A number that is missing is asked for again, and what comes
    behind it waits, so that reports count in the venue's order. An order whose venue says nothing
    of it, even to a cancel, is asked about by its id.
    """

    hold_back: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """How many reports of one venue wait for missing ones at most; with more of them the missing
    ones are given up."""
    resend_timeout: Duration = Field(100_000_000, gt=0, json_schema_extra={"default": "100ms"})
    """How long missing reports are waited for each time that they were asked for."""
    resends: Annotated[int, Field(ge=0, le=1_000)] = 2
    """How often missing reports are asked for once more; then they are given up, and what waited
    counts without them."""
    queries: Annotated[int, Field(ge=0, le=1_000)] = 2
    """How often a venue is asked what became of an order before the order counts as unanswered,
    each time waiting for ``ack_timeout``; 0: never."""
    patience: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """How long a venue whose session is down is waited for. Then it counts as silent: its orders
    are unanswered, and a parent that no other venue is left for ends."""
    heartbeat: Duration | None = Field(5_000_000_000, gt=0, json_schema_extra={"default": "5s"})
    """How long a venue with resting orders of ours may be silent before it is asked whether a
    report was lost; without it a lost report is missed at the venue's next one alone."""
