"""One law for new orders, another for what changes them: venues answer the two at different speeds.

Both laws take the same uniform for one message, and each message takes one: which law it follows
has no influence on what is drawn for any other message. So two runs share their chance although one
of them cancels more.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.kernel.latency.autocorrelated import AutocorrelatedLatency
from sim.kernel.latency.base import LatencyConfig, LatencySampler, Resolve, Uniforms
from sim.kernel.latency.empirical import EmpiricalLatency
from sim.kernel.latency.fixed import FixedLatency
from sim.kernel.latency.lognormal import LognormalLatency
from sim.kernel.latency.normal import NormalLatency
from sim.kernel.latency.shifted_exponential import ShiftedExponentialLatency

SingleLaw = Annotated[
    FixedLatency
    | NormalLatency
    | LognormalLatency
    | ShiftedExponentialLatency
    | EmpiricalLatency
    | AutocorrelatedLatency,
    Field(discriminator="model"),
]


class ByMessageLatency(LatencyConfig):
    """Delays of the law ``create`` for new orders, of ``cancel`` for all that names an earlier one.

    The second kind is cancels, replaces and reduces on the order leg, and on the report leg the
    answers to them. What a router expects of the leg is the mean of ``create``. A market-data leg
    carries neither kind, so it does not take this model.

    Source: own convention; why: measured round trips of creates and cancels differ
    (``sorsim convert order_latency``).
    """

    model: Literal["by_message"]
    create: SingleLaw
    """Law of new orders, and of reports that answer no cancel, replace or reduce."""
    cancel: SingleLaw
    """Law of cancels, replaces and reduces, and of the answers to them."""

    def files(self) -> tuple[str, ...]:
        """See the base."""
        return self.create.files() + self.cancel.files()

    def sampler(self, stream: Uniforms, resolve: Resolve) -> "ByMessageSampler":
        """See the base."""
        return ByMessageSampler(stream, self.create, self.cancel, resolve)


class ByMessageSampler(LatencySampler):
    """The delays of both laws side by side; a message takes one of them and uses up both.

    ``buffer`` and ``nominal_ns`` are those of the law of new orders, so ``draw`` is the delay of a
    new order.

    Args:
        stream: Chance of the link alone.
        create: Law of new orders.
        cancel: Law of what changes them.
        resolve: Finds the files that the laws name.
    """

    __slots__ = ("_cancel", "_cancels", "_create", "_shared", "_stream")

    def __init__(
        self, stream: Uniforms, create: LatencyConfig, cancel: LatencyConfig, resolve: Resolve
    ) -> None:
        self._stream = stream
        self._shared = _Shared()
        self._create = create.sampler(self._shared, resolve)
        self._cancel = cancel.sampler(self._shared, resolve)
        self._cancels: list[int] = []
        super().__init__(self._next_creates, self._create.nominal_ns)

    def draw(self) -> int:
        """The next delay of a new order."""
        return self._draw_both()[0]

    def draw_for(self, msg: Any) -> int:
        """The delay of this message: an order message, a report, or a report in its envelope."""
        create_ns, cancel_ns = self._draw_both()
        inner = getattr(msg, "report", msg)
        return create_ns if getattr(inner, "orig_cl_ord_id", None) is None else cancel_ns

    def _draw_both(self) -> tuple[int, int]:
        if not self.buffer:
            self.refill()
        return self.buffer.pop(), self._cancels.pop()

    def _next_creates(self) -> list[int]:
        """The next delays of new orders; those of cancels are put beside them, last one first."""
        self._shared.uniforms = self._stream.block()
        count = len(self._shared.uniforms)
        self._cancels = _delays(self._cancel, count)[::-1]
        return _delays(self._create, count)


class _Shared:
    """The uniforms that both laws are asked about now."""

    __slots__ = ("uniforms",)
    uniforms: NDArray[np.float64]

    def block(self) -> NDArray[np.float64]:
        return self.uniforms


def _delays(sampler: LatencySampler, count: int) -> list[int]:
    """As many delays of a law as there are uniforms: one without chance gives more at once."""
    sampler.refill()
    delays = sampler.buffer[: -count - 1 : -1]
    sampler.buffer.clear()
    return delays
