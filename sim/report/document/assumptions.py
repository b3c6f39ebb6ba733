"""Under which assumptions a run was simulated, as sentences for people who judge its figures.

Read from the resolved scenario that the log's first record holds. A log may be anybody's: what is
not of the expected form is passed over, and names are kept as they stand (who shows them escapes).
The sentences say what the model leaves out as well as what it holds; docs/faq.md says more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sim.report.words import count

NAMES_MAX: Final = 6
"""Venues that a sentence names; of more it gives the number."""

_LEGS: Final = {"order": "orders", "report": "reports", "feed": "quotes"}
_GENERATED: Final = frozenset(
    {
        "poisson",
        "zero_intelligence",
        "cont_stoikov_talreja",
        "queue_reactive",
        "hawkes",
        "fresh_supply",
    }
)
_NOT_MODELLED: Final = (
    "Not modelled: clearing and settlement, credit, margin and positions, several instruments, "
    "and several routers."
)


def assumptions(scenario: Mapping[str, Any], market_data: str) -> list[str]:
    """The assumptions of one run, the most general first.

    Args:
        scenario: The resolved scenario of ``run_started``.
        market_data: ``audit.market_data`` of the run.
    """
    venues = [venue for venue in _items(scenario.get("venues")) if "id" in venue]
    router = _mapping(scenario.get("router"))
    return [
        f"All of this is one simulated run with seed {scenario.get('seed')}: another seed draws "
        "other chance and gives other figures.",
        *_markets(scenario, venues),
        *_reactions(scenario, venues),
        *_delays(venues),
        *_venue_rules(venues),
        *_knowledge(scenario, router, venues),
        *_hidden(venues, router),
        *_fees(venues),
        *_measured(market_data),
        _NOT_MODELLED,
    ]


def _markets(scenario: Mapping[str, Any], venues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who else trades, venue by venue."""
    replayed = [venue for venue in venues if venue.get("kind") == "replayed"]
    if replayed:
        yield (
            f"The {_book(replayed)} of {_names(replayed)} {_follows(replayed)} a recording. Nobody "
            "in a recording reacts to our orders; what we take stays taken."
        )
        impact = [venue for venue in replayed if _mapping(venue.get("price_impact"))]
        if impact:
            yield (
                f"At {_names(impact)} our trades move the recorded prices by the law "
                f"{_listed(_kinds(impact, 'price_impact', 'model'))}."
            )
    visited = _visited(scenario)
    for venue_flow, group in _grouped(
        [venue for venue in venues if venue.get("kind") != "replayed"],
        lambda venue: tuple(_flow_kinds(venue)),
    ):
        if not venue_flow:
            still = [
                one
                for one in group
                if one["id"] not in visited and one.get("kind") in {"lit", "dark", "maker"}
            ]
            if still:
                yield (
                    f"Nobody else trades at {_names(still)}: {_book(still, 'its')} "
                    f"{_change(still)} by our own orders alone."
                )
            continue
        drawn = [kind for kind in venue_flow if kind in _GENERATED]
        where = _names(group)
        if drawn:
            yield (
                f"Orders of others at {where} are drawn from the law {_listed(drawn)}, a model of "
                "order flow and no record of one."
            )
        if "scripted" in venue_flow:
            yield f"Orders of others at {where} come at times that the scenario wrote down."


def _reactions(scenario: Mapping[str, Any], venues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Whether anybody answers to what we do."""
    kinds: dict[str, int] = {}
    for participant in _items(scenario.get("participants")):
        kind = str(participant.get("kind"))
        kinds[kind] = kinds.get(kind, 0) + 1
    if kinds:
        who = _listed(count(number, kind.replace("_", " ")) for kind, number in kinds.items())
        yield (
            f"Others who act on what reaches them: {who}. They follow rules of the scenario, and "
            "learn of our orders by their own delayed messages only."
        )
    else:
        yield (
            "Nobody reacts to our orders: beyond what we take from the books, our trading moves no "
            "price. Real costs of large orders are higher."
        )
    if any(_mapping(venue.get("price_impact")) for venue in venues):
        return
    if any(venue.get("impact") not in {None, "0", 0} for venue in venues):
        yield "The venues' impact is an estimate that ranks venues, and moves no price."


def _delays(venues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each leg's law, venues with the same one together."""
    told: dict[str, list[str]] = {}
    for leg, what in _LEGS.items():
        laws = _grouped(
            venues, lambda venue, leg=leg: _law(_mapping(venue.get("latency")).get(leg))
        )
        words = [f"{law} at {_names(group)}" for law, group in laws if law]
        if len(words) == 1 and len(venues) > 1:
            words = [f"{laws[0][0]} at every venue"]
        if words:
            told.setdefault("; ".join(words), []).append(what)
    for words_of, whats in told.items():
        yield f"Delays of {_listed(whats)}, one way: {words_of}."
    if any(_mapping(venue.get("latency")) for venue in venues):
        yield "Links are first in, first out: no message overtakes another one on the same way."
    bumps = [venue for venue in venues if _has_bump(venue)]
    if bumps:
        yield f"A speed bump comes on top of the delays at {_names(bumps)}."


def _venue_rules(venues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What venues do besides matching."""
    busy = [venue for venue in venues if _mapping(venue.get("processing"))]
    if busy:
        yield f"Messages wait for their turn at {_names(busy)}, which work on one at a time."
    if len(busy) < len(venues):
        which = "Venues handle" if not busy else "The other venues handle"
        yield f"{which} each message at the instant of its arrival."
    for key, words in (
        ("trading", "Hours or halts are set for"),
        ("busts", "Trades may be taken back or corrected at"),
        ("requests", "Cancels and replaces take time to be decided at"),
        ("throttle", "Messages are throttled at"),
        ("short_sale", "Short sales have a price test at"),
        ("last_look", "Orders are held and may be refused (last look) at"),
    ):
        having = [venue for venue in venues if _mapping(venue.get(key))]
        if having:
            yield f"{words} {_names(having)}."
    foreign = [venue for venue in venues if _mapping(venue.get("currency"))]
    if foreign:
        yield f"Prices at {_names(foreign)} are converted at a fixed rate, without cost."
    queued = [
        venue
        for venue in venues
        if venue.get("kind") == "replayed" and _mapping(venue.get("queue"))
    ]
    for model, group in _grouped(queued, lambda venue: str(_mapping(venue["queue"]).get("model"))):
        yield (
            f"At {_names(group)} our place in a queue is estimated by the model {model}: level "
            "data does not say whose lots were canceled."
        )


def _knowledge(
    scenario: Mapping[str, Any],
    router: Mapping[str, Any],
    venues: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    """What the router knows, and by what it decides."""
    strategy = _mapping(router.get("strategy")).get("kind")
    yield (
        "The router acts on quotes as they reached it, and knows the opening books, all fees and "
        "each venue's expected delay."
    )
    if strategy == "oracle":
        yield "The strategy oracle cheats: it sees what is truly there. No real router can."
    elif strategy is not None:
        yield f"Orders are split by the strategy {strategy}."
    if router.get("market_data") == "tape":
        yield "Quotes of lit venues come by a consolidated tape, which has best levels only."
    if scenario.get("links") or scenario.get("tape"):
        yield (
            "Venues and participants that refer to prices of others use them as they have received "
            "them, not as they are."
        )
    depths = sorted({venue["depth"] for venue in venues if isinstance(venue.get("depth"), int)})
    if depths:
        levels = str(depths[0]) if len(depths) == 1 else f"{depths[0]} to {depths[-1]}"
        yield f"Feeds carry {levels} levels a side; what lies deeper is unknown to the router."


def _hidden(venues: Sequence[Mapping[str, Any]], router: Mapping[str, Any]) -> Iterator[str]:
    """What is not displayed, and how much of it there is."""
    dark = [venue for venue in venues if venue.get("kind") == "dark"]
    shown = [venue for venue in dark if venue.get("indications")]
    silent = [venue for venue in dark if not venue.get("indications")]
    if shown:
        yield f"{_names(shown)} indicate what they hold; what is really there may be less."
    if silent:
        asked = "it is asked blind" if _mapping(router.get("blind")) else "no quote stands for it"
        yield f"What {_names(silent)} hold is shown to nobody; {asked}."
    for model, group in _grouped(dark, lambda venue: str(_mapping(venue.get("fill")).get("model"))):
        if model in {"fraction", "random", "scripted"}:
            yield (
                f"How much of the hidden supply of {_names(group)} an order can have is set by the "
                f"fill model {model}, not observed."
            )


def _fees(venues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    charging = [venue for venue in venues if _charges(_mapping(venue.get("fees")))]
    if not charging:
        yield "No venue charges fees or pays rebates."
        return
    yield (
        f"Fees and rebates are those of the scenario ({_names(charging)}); there are no taxes, "
        "clearing or data costs."
    )


def _measured(market_data: str) -> Iterator[str]:
    """Against what costs are measured."""
    yield (
        "Costs are measured against the middle of the best displayed lit prices: at a parent's "
        "arrival as the router knew it, afterwards as the venues truly published it. Dark and "
        "dealer quotes make no best price."
    )
    if market_data == "none":
        yield (
            "The log holds no market data (audit.market_data: none), so nothing that needs the "
            "true market could be worked out."
        )


# Small words


def _law(model: Any) -> str:
    """One delay in words: its law, and what it is set to."""
    config = _mapping(model)
    kind = config.get("model")
    if kind is None:
        return ""
    if kind == "fixed":
        return str(config.get("delay"))
    rest = [
        f"{key.replace('_', ' ')} {value}"
        for key, value in config.items()
        if key != "model" and isinstance(value, (str, int, float)) and value not in {"0ns", ""}
    ]
    name = str(kind).replace("_", " ")
    return f"{name} ({', '.join(rest)})" if rest else name


def _has_bump(venue: Mapping[str, Any]) -> bool:
    return any(value not in {"0ns", 0} for value in _mapping(venue.get("speed_bump")).values())


def _charges(fees: Mapping[str, Any]) -> bool:
    return bool(fees.get("tiers")) or any(
        str(fees.get(key, "0")) != "0" for key in ("taker", "maker")
    )


def _visited(scenario: Mapping[str, Any]) -> set[str]:
    """Venues at which participants trade."""
    return {
        str(place.get("venue"))
        for participant in _items(scenario.get("participants"))
        for place in _items(participant.get("venues"))
    }


def _flow_kinds(venue: Mapping[str, Any]) -> list[str]:
    return [str(flow.get("kind")) for flow in _items(venue.get("flow"))]


def _kinds(venues: Iterable[Mapping[str, Any]], key: str, name: str) -> list[str]:
    return list(dict.fromkeys(str(_mapping(venue.get(key)).get(name)) for venue in venues))


def _grouped(
    venues: Sequence[Mapping[str, Any]], key: Any
) -> list[tuple[Any, list[Mapping[str, Any]]]]:
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for venue in venues:
        groups.setdefault(key(venue), []).append(venue)
    return list(groups.items())


def _names(venues: Sequence[Mapping[str, Any]]) -> str:
    ids = [str(venue["id"]) for venue in venues]
    if len(ids) <= NAMES_MAX:
        return _listed(ids)
    return f"{', '.join(ids[: NAMES_MAX - 1])} and {len(ids) - NAMES_MAX + 1} others"


def _listed(parts: Iterable[str]) -> str:
    words = list(parts)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _book(venues: Sequence[Mapping[str, Any]], whose: str = "") -> str:
    if not whose:
        return "book" if len(venues) == 1 else "books"
    return "its book" if len(venues) == 1 else "their books"


def _follows(venues: Sequence[Mapping[str, Any]]) -> str:
    return "follows" if len(venues) == 1 else "follow"


def _change(venues: Sequence[Mapping[str, Any]]) -> str:
    return "changes" if len(venues) == 1 else "change"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
