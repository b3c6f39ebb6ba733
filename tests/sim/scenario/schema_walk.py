"""A walk over the scenario's schema: every model and key once, each in a scenario that is valid.

A key whose good value cannot be guessed from the schema has a line in ``SPECIMENS``.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, get_args

from sim.faults import FAULTS
from sim.scenario.model import Scenario

Schema = dict[str, Any]
Way = tuple[str | int, ...]

LEG: Final = {"model": "fixed", "delay": "1ms"}
BOOK: Final = {"asks": [["100.02", 10]], "bids": [["99.98", 10]]}
BASE: Final[dict[str, Any]] = {
    "schema_version": 1,
    "name": "every_key",
    "seed": 1,
    "duration": "20ms",
    "instrument": {"symbol": "ACME", "tick_size": "0.01"},
    "venues": [
        {"id": "A", "kind": "lit", "latency": {"order": LEG, "report": LEG, "feed": LEG}},
        {
            "id": "B",
            "kind": "lit",
            "latency": {"order": LEG, "report": LEG, "feed": LEG},
            "book": BOOK,
        },
    ],
    "router": {"strategy": {"kind": "greedy"}},
    "parents": [{"id": "P", "side": "buy", "qty": 5}],
}

MIDPOINT: Final = {
    "id": "M",
    "kind": "dark",
    "pricing": "midpoint",
    "latency": {"order": LEG, "report": LEG, "feed": LEG},
}
TAKER: Final = {"at": "1ms", "id": "O", "side": "sell", "qty": 5, "price": "99.98", "tif": "IOC"}
SCRIPTED: Final = ("venues", 0, "flow", 0, "orders", 0)
"""Where the first order of a script stands."""

LEGS: Final = {"order": LEG, "report": LEG, "feed": LEG}
ACCESS: Final = {"venue": "A", "latency": LEGS}
WORTH: Final = {"start": "100.00", "rate": 2, "jump": "0.02"}
KNOWING: Final = {
    "id": "I",
    "kind": "informed",
    "venues": [ACCESS],
    "ahead": "5ms",
    "qty": 5,
}
COMPARISON: Final[dict[str, Any]] = {
    "reference": "A",
    "strategies": [
        {"name": name, "about": "x", "controls": "x", "regulatory": "x"} for name in ("A", "B")
    ],
}
REFERENCE: Final[list[tuple[Way, Any]]] = [(("links",), [{"from": "B", "to": "A", "latency": LEG}])]
"""What a dealer needs: quotes of others."""

SLICED: Final = ("Twap", "Vwap", "Pov", "AlmgrenChriss", "ObizhaevaWang")
"""Schedules with slices."""

FAULT_KINDS: Final = {
    kind.__name__: get_args(kind.model_fields["kind"].annotation)[0] for kind in FAULTS
}
_OF_FAULTS: Final[dict[str, Any]] = {
    "leg": "order",
    "by": "1ms",
    "clock": "behind",
}
"""Good values of keys that faults must have."""
_MORE_OF_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "LatencyBurst": {"lasts": "5ms"},
    "ClockFault": {"leg": "feed"},
    "Flood": {"lasts": "5ms", "messages": 10},
}
_AT: Final[Way] = ("faults", 0, "at")
_LASTS: Final[Way] = ("faults", 0, "lasts")


def fault_specimens() -> dict[str, Any]:
    """A fault of each kind, and good values of their keys."""
    found: dict[str, Any] = {"Condition": {"record": "fill"}, "Condition.record": "fill"}
    found["Condition.venue"] = "A"
    for kind in FAULTS:
        name = kind.__name__
        must = [key for key, field in kind.model_fields.items() if field.is_required()]
        known = {**_OF_FAULTS, "venue": "A", **_MORE_OF_FAULTS.get(name, {})}
        made = {key: known[key] for key in must if key in known}
        made |= {"kind": FAULT_KINDS[name], "at": "1ms", **_MORE_OF_FAULTS.get(name, {})}
        found[name] = made
        found[f"{name}.venue"] = "A"
        found[f"{name}.start"] = "1ms"
        found[f"{name}.stop"] = "15ms"
    return found


def around_faults() -> dict[str, list[tuple[Way, Any]]]:
    """What must not stand beside one of their keys, or must."""
    found: dict[str, list[tuple[Way, Any]]] = {}
    rate: list[tuple[Way, Any]] = [(_AT, None), (("faults", 0, "rate"), 2.0)]
    for kind in FAULT_KINDS:
        found[f"{kind}.on"] = found[f"{kind}.rate"] = [(_AT, None)]
        found[f"{kind}.start"] = found[f"{kind}.stop"] = rate
        if kind != "RejectStorm":  # whose share is no trigger
            found[f"{kind}.share"] = [(_AT, None), (_LASTS, None)]
        found[f"{kind}.count"] = [(_LASTS, None)]
    return found


SPECIMENS: Final[dict[str, Any]] = {
    **fault_specimens(),
    "Scenario.venues": BASE["venues"],
    "Scenario.expect": {"fill_rate": ">= 0"},
    "Scenario.name": "every_key",
    "VenueConfig.id": "A",
    "VenueConfig.latency": BASE["venues"][0]["latency"],
    "VenueConfig.lot_size": 1,
    "ReplayedVenue.file": "recorded.l2.csv",
    "ReplayedVenue.source_venue": "A",
    "LeakageConfig.max_detect": "0.25",
    "PowerQueue.exponent": "2.5",
    "PropagatorImpact.exponent": "0.25",
    "EmpiricalLatency.file": "round_trips.csv",
    "InstrumentConfig.symbol": "ACME",
    "InstrumentConfig.lot_size": 1,
    "InstrumentConfig.tick_size": "0.01",
    "DarkVenue.book": BOOK,
    "ScriptedFill.at": [["100.02", 5]],
    "QuoteConfig": {"bid": ["99.98", 10], "ask": ["100.02", 10]},
    "QuoteConfig.bid": ["99.98", 10],
    "QuoteConfig.more_bids": [["99.97", 10]],
    "QuoteConfig.more_asks": [["100.03", 10]],
    "BookConfig.bids": [["99.98", 10]],
    "BookConfig.asks": [["100.02", 10]],
    "VenueConfig.tick_size": "0.01",
    "MakerVenue.flow": [{"kind": "scripted", "orders": [TAKER]}],
    "ReplayedVenue.flow": [{"kind": "scripted", "orders": [TAKER]}],
    "RfqVenue.flow": [{"kind": "scripted", "orders": [TAKER]}],
    "WholesalerVenue.flow": [{"kind": "scripted", "orders": [TAKER]}],
    "BrokerVenue.flow": [{"kind": "scripted", "orders": [TAKER]}],
    "RfqVenue.sizes": [5],
    "SpreadConfig": {"half": "0.01", "widening": "0.01", "size": 5},
    "SpreadConfig.widening": "0.01",
    "SpreadConfig.size": 5,
    "StochasticSplitConfig.worth": [["A", "0.5"]],
    "ReinforcementConfig.worth": [["A", "0.5"]],
    "PoissonOutflow.venues": [["A", 50]],
    "ExponentialOutflow.venues": [["A", 50]],
    "RecordedOutflow.venues": [["A", [50]]],
    "LastLookConfig.tolerance": "0.01",
    "ConditionalConfig.share": "0.5",
    "ConditionalConfig.firm_prob": "0.5",
    "ConditionalOrderConfig": {"id": "C", "side": "sell", "qty": 10, "price": "100.02"},
    "ConditionalOrderConfig.qty": 10,
    "ConditionalOrderConfig.min_qty": 5,
    "ConditionalOrderConfig.price": "100.02",
    "WholesalerVenue.improvement": "0.25",
    "WholesalerVenue.improvement_step": "0.01",
    "FeeSchedule.taker": "0.003",
    "FeeSchedule.maker": "-0.002",
    "FeeSchedule.volume_before": 5,
    "FeeTier": {"volume": 1000, "taker": "0.002", "maker": "-0.002"},
    "FeeTier.volume": 1000,
    "FeeTier.taker": "0.002",
    "FeeTier.maker": "-0.002",
    "RouterConfig.tie": ["price", "latency", "id"],
    "ScriptedFlow.orders": [TAKER],
    "ScriptedOrder": TAKER,
    "HawkesFlow.alpha": 0.2,
    "HawkesFlow.beta": 0.5,
    "LevelTables.limit": [1.0],
    "LevelTables.cancel": [2.0],
    "TailConfig": {"factor": 1.9, "exponent": 0.5, "levels": 20},
    "TailConfig.levels": 20,
    "GeometricSize.mean": 2.5,
    "GeometricDistance.mean": 2.5,
    "EmpiricalSize.lots": [1],
    "EmpiricalSize.weights": [1.0],
    "OpeningConfig.bids": [["99.98", 2]],
    "OpeningConfig.asks": [["100.02", 2]],
    "ScriptedCancel": {"at": "2ms", "cancel": "O"},
    "ScriptedReplace": {"at": "2ms", "replace": "O", "qty": 5, "price": "99.99"},
    "ScriptedReplace.min_qty": 5,
    "ScriptedReduce": {"at": "2ms", "reduce": "O", "by": 5},
    "ScriptedOrder.display": 5,
    "ScriptedOrder.min_display": 5,
    "PegTo": {"reference": "primary"},
    "PegTo.offset": "0.01",
    "SingleVenueConfig.venue": "A",
    "Scenario.plugins": ["own.py:Own"],
    "OwnConfig.plugin": "Own",
    "OwnConfig.params": {"some": 5},
    "OwnSplitConfig.plugin": "OwnSplit",
    "OwnSplitConfig.params": {"some": 5},
    "RestConfig.venue": "A",
    "FractionFill.share": "0.5",
    "VenueConfig.currency": {"code": "EUR", "rate": 1},
    "CurrencyConfig": {"code": "EUR", "rate": 1},
    "CurrencyConfig.code": "EUR",
    "CurrencyConfig.rate": 1,
    "TickBandConfig": {"price": 0, "tick_size": "0.01"},
    "TickBandConfig.price": 0,
    "TickBandConfig.tick_size": "0.01",
    "BustConfig": {"at": "1ms", "order": "P.A.1"},
    "BustConfig.order": "P.A.1",
    "RandomBustsConfig.share": "0.5",
    "ShortSaleConfig": {"since": "1ms"},
    "ShortSaleConfig.reference": "100.00",
    "ShortSaleConfig.fall": "0.1",
    "HaltConfig": {"at": "1ms", "until": "2ms"},
    "ParentConfig.qty": 5,
    "Scenario.links": [{"from": "B", "to": "M", "latency": LEG}],
    "TapeConfig.to": ["M"],
    "Scenario.participants": [
        {"id": "X", "kind": "noise", "venues": [ACCESS], "rate": 20.0, "qty": 5}
    ],
    "LegsConfig": LEGS,
    "AccessConfig": ACCESS,
    "AccessConfig.venue": "A",
    "ParticipantConfig.id": "X",
    "FundamentalConfig": WORTH,
    "SharedAccessConfig": {"venue": "A", "latency": LEGS, "share": "1"},
    "FundamentalFlowParticipant.venues": [{"venue": "A", "latency": LEGS, "share": "1"}],
    "SharedAccessConfig.share": "1",
    "LatencyArbitrageurParticipant.venues": [ACCESS, {"venue": "B", "latency": LEGS}],
    "MarketMakerParticipant.shift": "0.01",
    "MarketMakerParticipant.start": "100.00",
    "SendingConfig.min_qty": {"lit": 1},
    "MinQtyConfig.dark": 5,
    "MinQtyConfig.maker": 5,
    "MinQtyConfig.lit": 5,
    "VenueMinQty.venue": "A",
    "VenueBackoffConfig.venue": "A",
    "VenueMaxAgeConfig.venue": "A",
    "VenueMinQty.qty": 5,
    "BlindConfig.venues": ["A"],
    "KaplanMeierConfig.venues": ["A"],
    "ExponentiatedGradientConfig.venues": ["A"],
    "StochasticSplitConfig.venues": ["A"],
    "ReinforcementConfig.venues": ["A"],
    "BlindConfig.slack_bps": "5",
    "Scenario.comparison": COMPARISON,
    "ComparisonConfig.strategies": COMPARISON["strategies"],
    "ComparisonConfig.reference": "A",
    "ComparisonConfig.sizes": [5],
    "ComparedConfig.name": "A",
    "ComparedConfig.sets": {"seed": 1},
    "StudyConfig.tune": {"grid": {"seed": [1]}},
    "TuneConfig.grid": {"seed": [1]},
    "TuneConfig.baselines": ["best_ask"],
    "SweepConfig.grid": {"seed": [1]},
    "SweepConfig.reference": "A",
    "AlongConfig.values": [1, 2],
    "PriceCollarConfig": {"ticks": 5},
    "PriceCollarConfig.bps": "50",
    "VolumeLimitConfig.qty": 5,
    "KillSwitchConfig": {"qty": 5},
    "KillSwitchConfig.loss": "100",
    "KillSwitchConfig.qty": 5,
    "ControlsConfig.max_order_qty": 5,
    "ControlsConfig.max_order_value": "1000",
    "TwapConfig": {"kind": "twap", "horizon": "5ms"},
    "VwapConfig": {"kind": "vwap", "horizon": "5ms"},
    "VwapConfig.profile": [[0, 1.0]],
    "PovConfig": {"kind": "pov", "horizon": "5ms", "rate": "0.2"},
    "PovConfig.rate": "0.2",
    "PovConfig.min_rate": "0.1",
    "PovConfig.max_rate": "0.5",
    "AlmgrenChrissConfig": {
        "kind": "almgren_chriss",
        "horizon": "5ms",
        "sigma": 0.5,
        "eta": 0.5,
        "risk_aversion": 0.5,
    },
    "ObizhaevaWangConfig": {"kind": "obizhaeva_wang", "horizon": "5ms", "resilience": 0.5},
    **{f"{kind}Config.max_slice": 5 for kind in SLICED},
}
"""Values for keys, and for whole models, that their schema alone does not tell."""

AROUND: Final[dict[str, list[tuple[Way, Any]]]] = {
    **around_faults(),
    "ReplayedVenue.source_venue": [(("venues", 0, "file"), "orders.events.csv")],
    "ScriptedFill": [(("venues", 0, "book"), BOOK)],
    "FeeSchedule.volume_before": [
        (("venues", 0, "fees"), {"tiers": [{"volume": 1000, "taker": 0, "maker": 0}]})
    ],
    "VenueConfig.currency": [(("venues", 0, "tick_size"), "0.01")],
    "CurrencyConfig": [(("venues", 0, "tick_size"), "0.01")],
    "SweepConfig.reference": [(("study", "sweep", "variants"), [{"name": "A"}])],
    "ShortSaleConfig.reference": [(("venues", 0, "short_sale"), {"fall": "0.1"})],
    "ShortSaleConfig.fall": [(("venues", 0, "short_sale"), {"reference": "100.00"})],
    "ScriptedOrder.min_qty": [(("venues", 0, "kind"), "dark")],
    "ScriptedOrder.stop_price": [((*SCRIPTED, "type"), "stop_limit")],
    "ScriptedOrder.min_display": [((*SCRIPTED, "display"), 5)],
    "ScriptedOrder.post_only": [((*SCRIPTED, "tif"), "GTC")],
    "ScriptedOrder.peg": [((*SCRIPTED, "type"), "pegged"), ((*SCRIPTED, "tif"), "DAY")],
    "ScriptedCancel": [(SCRIPTED, TAKER)],
    "ScriptedReplace": [(SCRIPTED, TAKER)],
    "ScriptedReduce": [(SCRIPTED, TAKER)],
    "TapeConfig": [(("router", "market_data"), "tape")],
    "TapeConfig.to": [(("venues",), [*BASE["venues"], MIDPOINT])],
    "Scenario.links": [(("venues",), [*BASE["venues"], MIDPOINT])],
    "Scenario.fundamental": [(("participants",), [KNOWING])],
    "FundamentalConfig": [(("participants",), [KNOWING])],
    "InformedParticipant": [(("fundamental",), WORTH)],
    "RfqVenue": REFERENCE,
    "WholesalerVenue": REFERENCE,
    "BrokerVenue": REFERENCE,
    "FundamentalFlowParticipant": [(("fundamental",), WORTH)],
    "OwnConfig": [(("plugins",), ["own.py:Own"])],
    "OwnSplitConfig": [(("plugins",), ["own.py:OwnSplit"])],
    "AlmgrenChrissConfig.z": [(("router", "schedule", "risk_aversion"), None)],
    "MarketMakerParticipant.shift": [(("participants", 0, "fade"), "shift")],
}
"""What else a scenario needs for one of these models or keys to be valid in it."""

NOT_FIRST: Final = frozenset({"ScriptedCancel", "ScriptedReplace", "ScriptedReduce"})
"""Models that can only be the second member of their list."""


@dataclass(frozen=True)
class Key:
    """One key of the format, in a scenario where it has a good value."""

    name: str
    way: Way
    schema: Schema
    data: dict[str, Any]


@dataclass(frozen=True)
class Model:
    """One model of the format, in a scenario that holds one."""

    name: str
    way: Way
    schema: Schema
    data: dict[str, Any]


class Walk:
    """Every model and key below the scenario's schema, each once."""

    def __init__(self) -> None:
        self.root = Scenario.model_json_schema()
        self.models: dict[str, Model] = {}
        self.keys: dict[str, Key] = {}
        self._object(self.root, (), deepcopy(BASE), "Scenario")

    def resolved(self, schema: Schema) -> Schema:
        """Behind references and behind the other side of ``| None``."""
        while True:
            if "$ref" in schema:
                schema = self.root["$defs"][schema["$ref"].rpartition("/")[2]]
            elif "discriminator" not in schema and len(some := self.options(schema)) == 1:
                schema = some[0]
            else:
                return schema

    def options(self, schema: Schema) -> list[Schema]:
        """The branches of a choice, null left out."""
        found = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf") or []
        return [one for one in found if one.get("type") != "null"]

    def _object(self, schema: Schema, way: Way, data: dict[str, Any], name: str) -> None:
        if name in self.models:
            return
        self.models[name] = Model(name, way, schema, data)
        for key, inner in schema["properties"].items():
            with_key = deepcopy(data)
            for place, value in AROUND.get(f"{name}.{key}", []):
                put(with_key, place, deepcopy(value))
            here = get(with_key, way)
            if here.get(key) is None or f"{name}.{key}" in SPECIMENS:
                here[key] = self.specimen(inner, f"{name}.{key}")
            self._value(inner, (*way, key), with_key, f"{name}.{key}")

    def _value(self, schema: Schema, way: Way, data: dict[str, Any], name: str) -> None:
        self.keys.setdefault(name, Key(name, way, schema, data))
        inner = self.resolved(schema)
        if branches := self.options(inner):
            for branch in branches:
                body = self.resolved(branch)
                other = deepcopy(data)
                title = body.get("title", "")
                there = way
                if title in NOT_FIRST:
                    there = (*way[:-1], 1)
                    get(other, way[:-1]).append(None)
                put(other, there, self._variant(branch, get(data, way), name))
                for place, value in AROUND.get(title, []):
                    put(other, place, deepcopy(value))
                if "properties" in body:
                    self._object(body, there, other, title)
                else:
                    self._value(branch, way, other, f"{name}|{body.get('type')}")
        elif "properties" in inner:
            with_others = deepcopy(data)
            for place, value in AROUND.get(inner["title"], []):
                put(with_others, place, deepcopy(value))
            self.keys[name] = Key(name, way, schema, with_others)
            self._object(inner, way, with_others, inner["title"])
        elif "prefixItems" in inner:
            for at, item in enumerate(inner["prefixItems"]):
                self._value(item, (*way, at), data, f"{name}[{at}]")
        elif inner.get("type") == "array" and inner.get("maxItems") != 0:
            with_one = deepcopy(data)
            if not get(data, way):
                put(with_one, way, [self.specimen(inner["items"], f"{name}[0]")])
            self._value(inner["items"], (*way, 0), with_one, f"{name}[0]")
        elif isinstance(free := inner.get("additionalProperties"), dict):
            for key in get(data, way):
                self._value(free, (*way, key), data, f"{name}.*")

    def _variant(self, schema: Schema, now: Any, name: str) -> Any:
        """This branch of a choice: what stands there if it is that, with its own keys if not."""
        made = self.specimen(schema, name + "|")
        body = self.resolved(schema)
        if isinstance(made, dict) and isinstance(now, dict):
            kept = {key: value for key, value in now.items() if key in body["properties"]}
            return {**kept, **made} if "latency" not in kept else {**made, **kept, **_tags(made)}
        return made

    def specimen(self, schema: Schema, name: str) -> Any:  # noqa: PLR0911 - one per JSON type
        """A valid value: of required keys only."""
        owner, _, key = name.rpartition(".")
        family = next((one for one in ("Venue", "Participant") if owner.endswith(one)), "")
        base = f"{family}Config.{key}" if family else name
        for known in (name, base):
            if known in SPECIMENS:
                return deepcopy(SPECIMENS[known])
        if "default" in schema and schema["default"] not in (None, [], {}):
            return deepcopy(schema["default"])
        inner = self.resolved(schema)
        if inner.get("title") in SPECIMENS:
            return deepcopy(SPECIMENS[inner["title"]])
        if "const" in inner:
            return inner["const"]
        if "enum" in inner:
            return inner["enum"][0]
        if branches := self.options(inner):
            return self.specimen(branches[0], name)
        if "properties" in inner:
            required = inner.get("required", [])
            return {
                key: self.specimen(inner["properties"][key], f"{inner['title']}.{key}")
                for key in required
            }
        if "prefixItems" in inner:
            return [
                self.specimen(one, f"{name}[{n}]") for n, one in enumerate(inner["prefixItems"])
            ]
        types = inner.get("type")
        if types == "array":
            if inner.get("maxItems") == 0:
                return []
            return [self.specimen(inner["items"], f"{name}[0]")]
        if "examples" in inner:
            return _guess(inner["examples"][0], key)
        if types == "integer":
            return max(1, int(inner.get("minimum", 1)))
        if types == "number":
            return min(0.5, inner.get("maximum", 0.5))
        return {"boolean": True, "string": "x", "object": {}}[str(types)]


def _guess(example: Any, key: str) -> Any:
    """What the key's name says of its size, else the schema's own example."""
    is_number = str(example).replace(".", "").isdigit()
    return 5 if is_number and ("qty" in key or "lot" in key) else example


def _tags(made: dict[str, Any]) -> dict[str, Any]:
    return {key: made[key] for key in ("kind", "model") if key in made}


def get(data: Any, way: Way) -> Any:
    for step in way:
        data = data[step]
    return data


def put(data: Any, way: Way, value: Any) -> None:
    get(data, way[:-1])[way[-1]] = value
