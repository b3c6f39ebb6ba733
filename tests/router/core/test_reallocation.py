"""The policy of what follows when lots are free again, as a table that is asked."""

from typing import Any

import pytest

from router.core.reallocation import Action, Reallocation, Trigger
from router.settings.reallocation import OnConfig, RerouteConfig
from sim.protocol.enums import Control, DecisionReason


def policy(**settings: Any) -> Reallocation:
    return Reallocation(RerouteConfig.model_validate(settings))


def test_every_trigger_is_a_key_and_every_key_a_trigger() -> None:
    assert {trigger.value for trigger in Trigger} == set(OnConfig.model_fields)


def test_by_default_what_comes_back_is_decided_at_once() -> None:
    usual = policy()
    assert usual.usual
    back = [Trigger.PARTIAL_FILL, Trigger.CANCEL, Trigger.REJECT, Trigger.TIMEOUT]
    assert {usual.table[trigger] for trigger in back} == {Action.REALLOCATE}
    assert usual.reserve_ns is None
    assert usual.cross is None


@pytest.mark.parametrize("trigger", list(Trigger))
def test_each_key_sets_its_trigger_and_no_other(trigger: Trigger) -> None:
    values = {
        Trigger.QUOTE_CHANGE: "wait",
        Trigger.HALT: "cancel",
        Trigger.PRICE_COLLAR: "other_venues",
        Trigger.ORDER_SIZE: "leave",
        Trigger.VOLUME: "leave",
    }
    value = values.get(trigger, "leave")
    changed, usual = policy(on={trigger.value: value}), policy()
    assert not changed.usual
    assert changed.table[trigger] is Action(value)
    assert {t: a for t, a in changed.table.items() if t is not trigger} == {
        t: a for t, a in usual.table.items() if t is not trigger
    }


@pytest.mark.parametrize(
    ("reason", "rejected", "rests", "trigger"),
    [
        (None, False, False, Trigger.PARTIAL_FILL),
        (None, False, True, Trigger.CANCEL),
        (None, True, False, Trigger.REJECT),
        (DecisionReason.TIMEOUT, True, False, Trigger.REJECT),
        (DecisionReason.TIMEOUT, False, False, Trigger.TIMEOUT),
        (DecisionReason.TIMEOUT, False, True, Trigger.TIMEOUT),
        (DecisionReason.QUOTE_CHANGE, False, True, None),
        (DecisionReason.POST_OVER, False, True, None),
        (DecisionReason.DEADLINE_NEAR, False, True, None),
        (DecisionReason.HALT, False, True, None),
    ],
)
def test_what_an_end_of_a_child_is(
    reason: DecisionReason | None, rejected: bool, rests: bool, trigger: Trigger | None
) -> None:
    assert Reallocation.trigger(reason, rejected=rejected, rests=rests) is trigger


def test_every_control_has_what_follows() -> None:
    usual = policy()
    assert {control: usual.after_control(control) for control in Control} == {
        Control.PRICE_COLLAR: Action.WAIT_FOR_QUOTE,
        Control.NO_REFERENCE: Action.WAIT_FOR_QUOTE,
        Control.MAX_ORDER_QTY: Action.SMALLER,
        Control.MAX_ORDER_VALUE: Action.SMALLER,
        Control.MAX_OPEN: Action.SMALLER,
        Control.MAX_TOTAL: Action.SMALLER,
        Control.MESSAGES: Action.WAIT,
        Control.EXECUTIONS: Action.WAIT,
        Control.KILL_SWITCH: Action.WAIT,
    }


def test_the_keys_of_before_still_say_what_they_said() -> None:
    before = {"levels": "top", "venues": "others", "fresh_quote": False, "prefer": "dark"}
    model = RerouteConfig.model_validate({**before, "busted": True})
    assert model.levels == "top"
    assert model.on == OnConfig()
