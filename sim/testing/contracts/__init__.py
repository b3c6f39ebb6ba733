"""What every kind of a thing must keep, as functions to call on one's own."""

from sim.testing.contracts.ledger import ContractError
from sim.testing.contracts.mix import VenueCase
from sim.testing.contracts.routers import (
    RouterCase,
    RouterTally,
    check_router,
    own_router_case,
    router_case,
)
from sim.testing.contracts.venues import Tally, check_venue, impure_imports, venue_case

__all__ = [
    "ContractError",
    "RouterCase",
    "RouterTally",
    "Tally",
    "VenueCase",
    "check_router",
    "check_venue",
    "impure_imports",
    "own_router_case",
    "router_case",
    "venue_case",
]
