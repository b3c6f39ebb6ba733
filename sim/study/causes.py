"""Why a record of one log differs from that of another: from effect to cause, record by record.

A run is a chain of messages. Rules (`sim.study.rules`) say of each record that differs which
earlier record it follows from, or that it follows from none: such a *root* is matched with the
settings that govern it. Where no rule knows more, the earliest record that differs is the cause,
since nothing before it differs.
"""

from typing import Final

import msgspec

from sim.audit.records import Decision, Record
from sim.report.words import Words, duration, instant, words
from sim.study.fields import FieldChange
from sim.study.ground import Cause, Root
from sim.study.pairs import Entry, Key, Pairs
from sim.study.rules import Rules, changed_fields

STEPS_MAX: Final = 30
Sides = tuple[str, str]
SIDES: Final[Sides] = ("first log", "second log")


class Chain(msgspec.Struct, frozen=True):
    """From an effect to its cause. ``settings`` are the changed settings that it comes from."""

    steps: list[str]
    settings: list[str]


class Causes(Rules):
    """Finds the causes of what differs between two logs.

    Args:
        pairs: Their records.
        settings: The settings in which their scenarios differ.
        old, new: Words for the numbers of either log.
        sides: What the logs are called.
    """

    def __init__(
        self,
        pairs: Pairs,
        settings: list[FieldChange],
        old: Words,
        new: Words,
        sides: Sides = SIDES,
    ) -> None:
        super().__init__(pairs, settings)
        self._old, self._new = old, new
        self._sides = sides

    def chain(self, key: Key) -> Chain:
        """From what differs under ``key`` back to where it comes from."""
        steps: list[str] = []
        cause: Cause | None = key
        while isinstance(cause, Key) and len(steps) < STEPS_MAX:
            steps.append(self.says(cause))
            found = self.cause(cause)
            if isinstance(found, Key) and not self._may_cause(found, cause):
                found = None
            cause = found or self._earliest_before(cause)
        if isinstance(cause, Root):
            steps.append(cause.says)
        settings = self.settings_of(cause if isinstance(cause, Root) else None)
        steps += [f"setting {one}" for one in settings]
        return Chain(steps, settings)

    def market_chain(self, name: str) -> Chain:
        """The same for the first difference of a market stream."""
        change = self._pairs.market[name]
        says = self._market_says(change.old, change.new)
        own = self._own_order_at(name, change.t_ns)
        if own is not None:
            rest = self.chain(own)
            return Chain([says, *rest.steps], rest.settings)
        root = self._venue_root(name)
        settings = self.settings_of(root)
        return Chain([says, *(f"setting {one}" for one in settings)], settings)

    def says(self, key: Key) -> str:
        """In what the two logs differ under a key, in one line."""
        old, new = self._pairs.pair(key)
        if old is None or new is None:
            record, say, which = (
                (old, self._old, self._sides[0]) if old else (new, self._new, self._sides[1])
            )
            assert record is not None
            return f"{say.say(record)}: at {instant(record.t_ns)}, in the {which} only"
        texts = self._old.say(old), self._new.say(new)
        when = instant(old.t_ns), instant(new.t_ns)
        if texts[0] != texts[1]:
            at = f"at {when[0]}" if when[0] == when[1] else f"at {when[0]} and {when[1]}"
            return f"{at}: {texts[0]} | {texts[1]}"
        if when[0] != when[1]:
            late = duration(abs(new.t_ns - old.t_ns))
            way = "later" if new.t_ns > old.t_ns else "earlier"
            return f"{texts[0]}: at {when[0]} and {when[1]}, {late} {way}"
        return f"at {when[0]}: {texts[0]}; {self._detail(old, new)}"

    def _market_says(self, old: Entry | None, new: Entry | None) -> str:
        if old is None or new is None:
            entry, say, which = (
                (old, self._old, self._sides[0]) if old else (new, self._new, self._sides[1])
            )
            assert entry is not None
            text = say.say(entry.record)
            return f"{text}: at {instant(entry.record.t_ns)}, in the {which} only"
        texts = self._old.say(old.record), self._new.say(new.record)
        times = instant(old.record.t_ns), instant(new.record.t_ns)
        return f"at {times[0]}: {texts[0]} | at {times[1]}: {texts[1]}"

    def _detail(self, old: Record, new: Record) -> str:
        fields = sorted(changed_fields(old, new))
        if isinstance(old, Decision) and isinstance(new, Decision):
            return "from other knowledge" if "quotes" in fields else f"other {_listed(fields)}"
        return f"other {_listed(fields)}"


def _listed(fields: list[str]) -> str:
    return ", ".join(map(words, fields))
