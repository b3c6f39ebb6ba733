"""What every kind of a thing must keep, as functions to call on one's own."""

from sim.testing.contracts.ledger import ContractError
from sim.testing.contracts.mix import VenueCase
from sim.testing.contracts.venues import Tally, check_venue, impure_imports, venue_case

__all__ = ["ContractError", "Tally", "VenueCase", "check_venue", "impure_imports", "venue_case"]
