"""How a scenario names what level data cannot say: whose lots in a line were canceled."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.config import DecimalText, ScenarioModel
from venues.core import queue_models
from venues.core.queue_models import QueueModel


class QueueConfig(ScenarioModel, ABC):
    """What all estimators of a place in the queue have."""

    model: str

    @abstractmethod
    def build(self) -> QueueModel:
        """The estimator."""


class RiskAverseQueue(QueueConfig):
    """Cancels are of lots behind our order, as long as there are any.

    Source: field practice (risk-averse queue model).
    """

    model: Literal["risk_averse"]

    def build(self) -> QueueModel:
        """See the base."""
        return queue_models.risk_averse


class OptimisticQueue(QueueConfig):
    """Cancels are of lots ahead of our order, as long as there are any.

    Source: own convention: the bound on the other side of risk_averse.
    """

    model: Literal["optimistic"]

    def build(self) -> QueueModel:
        """See the base."""
        return queue_models.optimistic


class ProportionalQueue(QueueConfig):
    """Every lot of the level is as likely to be canceled as any other.

    Source: field practice (uniform cancellation).
    """

    model: Literal["proportional"]

    def build(self) -> QueueModel:
        """See the base."""
        return queue_models.proportional


class LogarithmicQueue(QueueConfig):
    """A canceled lot was behind with probability f(behind) / (f(behind) + f(ahead)), f = log(1+x).

    Source: field practice (probabilistic queue model, logarithmic family); x in lots.
    """

    model: Literal["logarithmic"]

    def build(self) -> QueueModel:
        """See the base."""
        return queue_models.logarithmic


class PowerQueue(QueueConfig):
    """A canceled lot was behind with probability f(behind) / (f(behind) + f(ahead)), f = x^n.

    Source: field practice (probabilistic queue model, power family); n = 1 is proportional.
    """

    model: Literal["power"]
    exponent: Annotated[DecimalText, Field(gt=0, le=20)]
    """The exponent n."""

    def build(self) -> QueueModel:
        """See the base."""
        return queue_models.power(float(self.exponent))


AnyQueue = RiskAverseQueue | OptimisticQueue | ProportionalQueue | LogarithmicQueue | PowerQueue
QueueEstimate = Annotated[AnyQueue, Field(discriminator="model")]
"""The estimator as a scenario writes it; ``model`` says which."""
