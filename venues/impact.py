"""How a scenario names what our own trades do to a recorded price; without it they do nothing."""

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.config import DecimalText, Duration, PositiveDecimal, ScenarioModel
from sim.protocol.units import Units
from venues.core.impact import ImpactLaw, ObizhaevaWang, Propagator, SquareRoot


class PriceImpactConfig(ScenarioModel, ABC):
    """What all laws of our own impact have."""

    model: str
    step: Duration = Field(10_000_000, gt=0, json_schema_extra={"default": "10ms"})
    """After this long the displacement is reckoned anew, if nothing of ours has traded."""

    @abstractmethod
    def build(self, units: Units) -> ImpactLaw:
        """The law in ticks and lots."""


class SquareRootImpact(PriceImpactConfig):
    """The price moves by coefficient * volatility * sqrt(net quantity / volume).

    Source: square-root law of market impact (field practice); of the net quantity that we traded.
    """

    model: Literal["square_root"]
    coefficient: PositiveDecimal = Decimal(1)
    """The law's number Y, of order 1."""
    volatility: PositiveDecimal
    """Typical move of the price over a day (or any time), as a price."""
    volume: PositiveDecimal
    """Quantity that trades in the same time."""
    relaxation: Annotated[Duration, Field(gt=0)] | None = None
    """Time in which an old trade's part of the net quantity falls to 1/e; without it, it stays."""

    def build(self, units: Units) -> ImpactLaw:
        """See the base."""
        ticks = self.coefficient * self.volatility / units.tick_size
        lots = self.volume / units.lot_size
        return SquareRoot(float(ticks) / float(lots) ** 0.5, self.relaxation)


class PropagatorImpact(PriceImpactConfig):
    """Each of our trades moves the price by scale * quantity, which decays like a power of time.

    Source: propagator model of Bouchaud, Gefen, Potters and Wyart (2004); the kernel of fractional
    noise.
    """

    model: Literal["propagator"]
    scale: PositiveDecimal
    """What one unit of quantity moves the price by at once, as a price."""
    exponent: Annotated[DecimalText, Field(gt=0, lt=1)]
    """Exponent beta of the decay; a flow with memory exponent gamma needs (1 - gamma) / 2."""
    unit: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """The unit of time of the kernel."""

    def build(self, units: Units) -> ImpactLaw:
        """See the base."""
        scale = float(self.scale / units.tick_size * units.lot_size)
        return Propagator(scale, float(self.exponent), self.unit)


class ObizhaevaWangImpact(PriceImpactConfig):
    """Each of our trades moves the price: a part of it stays, the other recovers exponentially.

    Source: Obizhaeva and Wang (2013), a block-shaped book with resilience.
    """

    model: Literal["obizhaeva_wang"]
    permanent: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """What one unit of quantity moves the price by for good, as a price."""
    transient: PositiveDecimal
    """What one unit of quantity moves the price by at once and for a while, as a price."""
    resilience: PositiveDecimal
    """Speed of recovery, per second."""

    def build(self, units: Units) -> ImpactLaw:
        """See the base."""
        permanent, transient = (
            float(one / units.tick_size * units.lot_size)
            for one in (self.permanent, self.transient)
        )
        return ObizhaevaWang(permanent, transient, float(self.resilience))


AnyPriceImpact = SquareRootImpact | PropagatorImpact | ObizhaevaWangImpact
PriceImpact = Annotated[AnyPriceImpact, Field(discriminator="model")]
"""The law as a scenario writes it; ``model`` says which."""
