"""``report``: from the audit log of a long run to its page, 100,000 events of child orders.

The run has 400 parents, each worked in slices over four venues, so that some 26,000 child orders
leave, arrive, are acknowledged and filled, beside the quotes and trades of the market that they
trade in. Measured is what `sorsim report` does: read the log, fold it, work out costs, causes and
evidence, and write the page. A rate counts records about child orders, so 20,000 a second are the
five seconds that a report may take; the page's size stands in the row's note.

There is no peer to install: the reference loop stands for the machine.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from sim.audit.read import read_batches
from sim.kernel.garbage import no_collections
from sim.report.document.build import page_document
from sim.report.page.render import render
from sim.report.trail.build import read_trail
from sim.scenario.load import load_scenario
from sim.world import run_world

PARENTS: Final = 400
QUICK: Final = 40
SECONDS_MAX: Final = 5
EVENTS: Final = 100_000
BYTES_MAX: Final = 5_000_000
_VENUES: Final = ("V1", "V2", "V3", "V4")


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` reports a tenth of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_world(load_scenario(scenario(folder, QUICK if quick else PARENTS)), folder=folder)
        events = child_events(folder)
        sizes = []

        def report() -> None:
            with no_collections():
                sizes.append(len(render(page_document(read_trail(folder))).encode()))

        row = compare(
            "report",
            "child events/s",
            lambda: rate(events, report),
            {NAME: reference_rate},
            rounds=1 if quick else 3,
            value_min=EVENTS / SECONDS_MAX,
        )
        row["note"] = f"{events:,} child events, a page of {sizes[0] / 1e6:.1f} MB"
        row["met"] = row["met"] and sizes[0] < BYTES_MAX
        return [row]


def child_events(folder: Path) -> int:
    """Records of a log that are about a child order."""
    return sum(
        hasattr(record, "cl_ord_id")
        for records in read_batches(folder / "audit.jsonl")
        for record in records
    )


def scenario(folder: Path, parents: int) -> str:
    """Write the scenario's file and return its name."""
    leg = "{model: fixed, delay: %dms}"
    venues = "".join(
        f"  - {{id: {name}, kind: lit, latency: {{order: {leg % n}, report: {leg % n}, "
        f"feed: {leg % n}}}}}\n"
        for n, name in enumerate(_VENUES, 1)
    )
    shares = ", ".join(f'{{venue: {name}, share: "0.25"}}' for name in _VENUES)
    path = folder / "many_children.yaml"
    path.write_text(
        "schema_version: 1\n"
        "name: many_children\n"
        "seed: 1\n"
        f"duration: {parents + 10}s\n"
        'instrument: {symbol: ACME, tick_size: "0.01"}\n'
        'fundamental: {start: "100.00", rate: 5, jump: "0.01"}\n'
        f"venues:\n{venues}"
        "participants:\n"
        "  - id: MARKET\n"
        "    kind: fundamental_flow\n"
        "    latency: {order: {model: fixed, delay: 1us}, report: {model: fixed, delay: 1us}}\n"
        f"    venues: [{shares}]\n"
        '    half_spread: "0.01"\n'
        "    qty: 4000\n"
        "    levels: 3\n"
        "    refill: 20ms\n"
        "router:\n"
        "  strategy: {kind: greedy}\n"
        "  schedule: {kind: twap, slices: 16, horizon: 900ms}\n"
        "  ack_timeout: 250ms\n"
        "parents:\n"
        "  - {id: P, side: buy, qty: 62400, at: 10ms, repeat: {count: %d, every: 1s}}\n" % parents,
        encoding="utf-8",
    )
    return str(path)
