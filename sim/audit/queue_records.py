"""Records of what a venue alone knows of our orders: their place in the line, and our own impact.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

from sim.audit.record import Record, Whole


class QueuePosition(Record, frozen=True, kw_only=True, tag="queue_position"):
    """A resting child's place in the line at its venue has changed, as the venue sees it.

    One as it joins a line, one for each message that took lots ahead of it, one for each fill: so
    there are no more than orders were ahead of it, and its own fills. What comes or goes behind it
    is not told.
    """

    cl_ord_id: str
    """The child, as it was sent; a replace does not rename it here."""
    venue_id: str
    price: Whole
    """Where it rests."""
    ahead_qty: Whole
    """Lots ahead of it at this price."""
    leaves_qty: Whole
    """Still open of it; 0: it is filled."""
    level_qty: Whole
    """All lots at this price, its own too."""
    reason: str
    """``joined`` (the end of a line, also after a replace), ``traded`` or ``canceled`` (lots ahead
    of it were), or ``filled`` (lots of its own traded)."""
    model: str
    """``exact``, or the estimator by which level data was read: ``queue.model`` of the venue."""
