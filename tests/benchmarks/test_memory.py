"""Memory of a long run does not grow with its messages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GROWTH_MB_MAX = 40
"""From 1 M to 5 M messages: 2,250 client orders, and rounding by the allocator."""


@pytest.mark.bench
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_over_5_million_messages() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "5"],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    used = json.loads(done.stdout)
    assert len(used) >= 4, used
    assert used[-1] - used[0] <= GROWTH_MB_MAX, used
