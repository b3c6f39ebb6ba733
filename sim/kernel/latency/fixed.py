"""The same delay for every message."""

from typing import Literal

from sim.kernel.latency.base import LatencyConfig, LatencySampler, Resolve, Uniforms
from sim.kernel.streams import BLOCK
from sim.protocol.config import Duration


class FixedLatency(LatencyConfig):
    """Every message takes ``delay``; the link's stream stays untouched.

    Source: own convention: no chance at all.
    """

    model: Literal["fixed"]
    delay: Duration
    """Delay of each message."""

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        return LatencySampler(lambda: [self.delay] * BLOCK, self.delay)
