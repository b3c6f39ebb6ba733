"""Builders for the kernel's tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.kernel.latency import LatencyConfig, LatencySampler, OrderLatencyModel
from sim.kernel.streams import Streams

MakeLatency = Callable[..., LatencySampler]
_ADAPTER: TypeAdapter[LatencyConfig] = TypeAdapter(OrderLatencyModel)


@pytest.fixture
def latency_config() -> Callable[[dict[str, Any]], LatencyConfig]:
    """A latency model from what a scenario writes."""
    return _ADAPTER.validate_python


@pytest.fixture
def make_latency(tmp_path: Path) -> MakeLatency:
    """``make_latency({"model": ...}, seed=1)``: a sampler; files are looked for in ``tmp_path``."""

    def make(settings: dict[str, Any], seed: int = 1, name: str = "link") -> LatencySampler:
        stream = Streams(seed).get(name)
        return _ADAPTER.validate_python(settings).sampler(stream, tmp_path.joinpath)

    return make
