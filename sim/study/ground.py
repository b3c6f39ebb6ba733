"""What every rule about causes needs: which records differ, and the roots that no record causes."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from sim.audit.read import printable
from sim.audit.records import BookAtArrival, Record
from sim.report.words import duration
from sim.study.fields import FieldChange
from sim.study.pairs import Key, Pairs


class Root(NamedTuple):
    """What no record causes, and the settings that may: prefixes of paths, the likeliest first."""

    says: str
    prefixes: tuple[str, ...]


Cause = Key | Root

NO_CAUSE: Final = ("name", "expect", "audit.sync", "study", "comparison")
"""Settings that rule nothing that a record holds."""


class Ground:
    """The records of two logs that differ, in the order of time, and questions about them.

    Args:
        pairs: The records.
        settings: The settings in which their scenarios differ.
    """

    def __init__(self, pairs: Pairs, settings: list[FieldChange]) -> None:
        self._pairs = pairs
        self._settings = settings
        changed = [key for key in pairs.keys() if pairs.differs(key)]  # noqa: SIM118 - no dict
        changed = [key for key in changed if key.kind != "run_started"]
        self.changed: Final = sorted(changed, key=pairs.place)
        self._at = {key: n for n, key in enumerate(self.changed)}

    def has_changed(self, prefix: str) -> bool:
        """Whether a setting there differs."""
        return any(under(one.path, prefix) for one in self._settings)

    def settings_of(self, root: Root | None) -> list[str]:
        """The changed settings that a root may come from: those of its likeliest prefix; else all.

        What rules no record (names, expectations, flushing) is left out.
        """
        for prefix in root.prefixes if root is not None else ():
            found = [str(one) for one in self._settings if under(one.path, prefix)]
            if found:
                return found
        return [
            str(one)
            for one in self._settings
            if not any(under(one.path, prefix) for prefix in NO_CAUSE)
        ]

    def _may_cause(self, cause: Key, effect: Key) -> bool:
        """Whether one record can be the cause of another: it differs, and stands before it."""
        return self._at.get(cause, len(self._at)) < self._at[effect]

    def _earliest_before(self, key: Key) -> Key | None:
        """Where no rule knows more: before the first difference nothing differs."""
        return self.changed[0] if self._at[key] else None

    def _root(self, says: str, *prefixes: str) -> Root:
        return Root(says, (*prefixes, "seed", "files"))

    def _leg(self, venue_id: str, leg: str, old: int | None, new: int | None) -> Root:
        shown = printable(venue_id)
        if old is None or new is None:
            says = f"the {leg} leg of {shown} took another time"
        else:
            says = f"the {leg} leg of {shown} drew {duration(new)} instead of {duration(old)}"
        place = f"venues[{venue_id}]"
        return self._root(says, f"{place}.latency.{leg}", f"{place}.speed_bump", f"{place}.latency")

    def _venue_cause(self, key: Key, venue_id: str) -> Cause | None:
        """The venue's own state differs: by an order of ours before, or by what drives it."""
        entries = [side.entries.get(key) for side in (self._pairs.old, self._pairs.new)]
        until = min(entry.record.t_ns for entry in entries if entry is not None)
        own = self._own_order_at(venue_id, until, but=key)
        return own or self._venue_root(venue_id)

    def _own_order_at(self, venue_id: str, until_ns: int, but: Key | None = None) -> Key | None:
        """The first of our orders at a venue, up to an instant, that came otherwise."""
        child = but.about if but is not None else None
        for key in self.changed:
            if key == but or key.kind not in {"book_at_arrival", "child_sent"}:
                continue
            if self._pairs.place(key)[0] > until_ns:
                return None
            record = next(one for one in self._pairs.pair(key) if one is not None)
            at_venue = getattr(record, "venue_id", None) == venue_id
            if at_venue and key.about != child and self._reached(key, until_ns):
                return key
        return None

    def _reached(self, key: Key, until_ns: int) -> bool:
        """Whether the order was there by then, so that the venue's state may come from it."""
        if key.kind == "book_at_arrival":
            return True
        arrival = Key("book_at_arrival", key.about, 1)
        there = [one for one in self._pairs.pair(arrival) if one is not None]
        return not there or min(one.t_ns for one in there) <= until_ns

    def _venue_root(self, name: str) -> Root:
        venue_id = name.partition(" ")[0]
        place = f"venues[{venue_id}]"
        return self._root(
            f"what drives {printable(venue_id)} is not the same",
            *(f"{place}.{part}" for part in ("book", "quote", "file", "flow", "fill", "refresh")),
            *self._venue_rest(place),
            "links",
            "tape",
            "participants",
            "fundamental",
            "instrument",
            "audit.market_data",
            "venues",
        )

    def _venue_rest(self, place: str) -> Iterator[str]:
        """Other changed settings of the venue, but for the legs and fees, which rule no book."""
        for one in self._settings:
            apart = (f"{place}.latency", f"{place}.fees", f"{place}.fill_risk", f"{place}.impact")
            if one.path.startswith(place) and not one.path.startswith(apart):
                yield one.path

    def _ended(self, key: Key) -> Root | None:
        """Whether one of the runs was over before it could write this record."""
        t_ns = self._pairs.place(key)[0]
        for side in (self._pairs.old, self._pairs.new):
            end = side.entries.get(side.order[-1]) if side.order else None
            if key not in side.entries and end is not None and end.record.t_ns <= t_ns:
                return self._root("by then the other run had ended", "duration")
        return None

    def _known_market(self, key: Key) -> Cause | None:
        """What the router had heard of all venues differs: by the venue that differs first."""
        until_ns = self._pairs.place(key)[0]
        streams = sorted(self._pairs.market.items(), key=lambda item: item[1].t_ns)
        for name, change in streams:
            if change.t_ns <= until_ns:
                return self._own_order_at(name, change.t_ns) or self._venue_root(name)
        feeds = [one.path for one in self._settings if ".latency.feed" in one.path]
        venues = dict.fromkeys(one.partition("]")[0].partition("[")[2] for one in feeds)
        whose = f" of {', '.join(map(printable, venues))}" if venues else ""
        says = f"quotes{whose} reached the router at other times"
        return self._root(says, *feeds, "links", "tape")

    def _before_on_link(self, key: Key, venue_id: str) -> Key | None:
        """The last earlier record of the same way that differs: a link is first in, first out."""
        arrives = key.kind == "book_at_arrival"
        return self._last_before(
            key,
            lambda one: (
                getattr(one, "venue_id", None) == venue_id
                and (isinstance(one, BookAtArrival) if arrives else hasattr(one, "processed_ns"))
            ),
        )

    def _first_changed(self, *keys: Key) -> Key | None:
        """The last of these, in the order of cause, that differs itself."""
        for key in reversed(keys):
            if self._pairs.differs(key):
                return key
        return None

    def _changed_about(self, child: str) -> Key | None:
        return next((key for key in self.changed if key.about == child), None)

    def _changed_before(self, key: Key, wanted: Callable[[Record], bool]) -> Key | None:
        """The first record before ``key`` that differs and is wanted."""
        for one in self.changed[: self._at.get(key, 0)]:
            record = next(side for side in self._pairs.pair(one) if side is not None)
            if wanted(record):
                return one
        return None

    def _last_before(self, key: Key, wanted: Callable[[Record], bool]) -> Key | None:
        """The last record before ``key`` that differs and is wanted."""
        for one in reversed(self.changed[: self._at.get(key, 0)]):
            record = next(side for side in self._pairs.pair(one) if side is not None)
            if wanted(record):
                return one
        return None


def under(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or leads to a part of it."""
    rest = path.removeprefix(prefix)
    return path.startswith(prefix) and (not rest or rest[0] in ".[")
