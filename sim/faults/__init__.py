"""Faults as data, one kind or family per file.

To add one, write its file and put its config into ``AnyFault``.
"""

from typing import Annotated, Any, Final, get_args

from pydantic import Field

from sim.faults.base import FaultConfig
from sim.faults.message_duplication import MessageDuplication
from sim.faults.message_loss import MessageLoss

AnyFault = MessageLoss | MessageDuplication

FaultEntry: Any = Annotated[AnyFault, Field(discriminator="kind")]
"""A fault as a scenario writes it; ``kind`` says which."""

FAULTS: Final[tuple[type[FaultConfig], ...]] = get_args(AnyFault)
"""The table of kinds."""
