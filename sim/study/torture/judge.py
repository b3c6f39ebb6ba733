"""What all judges of a run have: they watch its records, and keep the first thing that is wrong."""

from sim.protocol.errors import InvariantError


class Judge:
    """Watches one run.

    Attributes:
        broken: The first thing that should not be; None while all is well.
    """

    def __init__(self) -> None:
        self.broken: InvariantError | None = None

    def check(self) -> None:
        """Raise what was found.

        Raises:
            InvariantError: If there is something.
        """
        if self.broken is not None:
            raise self.broken

    def _tell(self, what: str, t_ns: int) -> None:
        if self.broken is None:
            self.broken = InvariantError(f"{what} at {t_ns} ns")
