"""The closed vocabularies of messages, orders and decisions.

Values are the text that files and the audit log show. Order and report terms follow FIX. Nothing
here knows a venue, a router or a clock.
"""

from enum import Enum, IntEnum, unique


@unique
class Side(Enum):
    """Side of an order; ``SELL_SHORT`` matches as a sell."""

    BUY = "buy"
    SELL = "sell"
    SELL_SHORT = "sell_short"


@unique
class OrdType(Enum):
    """FIX OrdType."""

    MARKET = "market"
    LIMIT = "limit"


@unique
class TimeInForce(Enum):
    """FIX TimeInForce."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


@unique
class SelfTrade(Enum):
    """What happens when an order meets a resting one of its own account.

    The incoming order's mode decides.
    """

    NONE = "none"
    CANCEL_RESTING = "cancel_resting"
    CANCEL_INCOMING = "cancel_incoming"
    CANCEL_BOTH = "cancel_both"
    DECREMENT = "decrement"


@unique
class ExecType(Enum):
    """Why a report was sent (FIX ExecType)."""

    NEW = "new"
    TRADE = "trade"
    CANCELED = "canceled"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"


@unique
class OrdStatus(Enum):
    """State of an order after a report (FIX OrdStatus)."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@unique
class RejectReason(Enum):
    """Why a venue refused a new order (FIX OrdRejReason); ``fix_code`` gives FIX's number."""

    EXCHANGE_CLOSED = "exchange_closed"
    ORDER_EXCEEDS_LIMIT = "order_exceeds_limit"
    DUPLICATE_ORDER = "duplicate_order"
    INCORRECT_QUANTITY = "incorrect_quantity"
    INVALID_PRICE_INCREMENT = "invalid_price_increment"
    PRICE_EXCEEDS_BAND = "price_exceeds_band"
    UNSUPPORTED_ORDER = "unsupported_order"
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    THROTTLED = "throttled"


FIX_ORD_REJ_REASON = {
    RejectReason.EXCHANGE_CLOSED: 2,
    RejectReason.ORDER_EXCEEDS_LIMIT: 3,
    RejectReason.DUPLICATE_ORDER: 6,
    RejectReason.UNSUPPORTED_ORDER: 11,
    RejectReason.INCORRECT_QUANTITY: 13,
    RejectReason.PRICE_EXCEEDS_BAND: 16,
    RejectReason.INVALID_PRICE_INCREMENT: 18,
    RejectReason.POST_ONLY_WOULD_TRADE: 99,
    RejectReason.THROTTLED: 99,
}


@unique
class CxlRejReason(Enum):
    """Why a cancel or replace was refused (FIX CxlRejReason)."""

    TOO_LATE = "too_late"
    UNKNOWN_ORDER = "unknown_order"
    EXCHANGE_CLOSED = "exchange_closed"
    DUPLICATE_ID = "duplicate_id"
    PRICE_EXCEEDS_BAND = "price_exceeds_band"
    INVALID_PRICE_INCREMENT = "invalid_price_increment"
    INCORRECT_QUANTITY = "incorrect_quantity"
    ORDER_EXCEEDS_LIMIT = "order_exceeds_limit"
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    THROTTLED = "throttled"


FIX_CXL_REJ_REASON = {
    CxlRejReason.TOO_LATE: 0,
    CxlRejReason.UNKNOWN_ORDER: 1,
    CxlRejReason.EXCHANGE_CLOSED: 2,
    CxlRejReason.DUPLICATE_ID: 6,
    CxlRejReason.PRICE_EXCEEDS_BAND: 8,
    CxlRejReason.INVALID_PRICE_INCREMENT: 18,
    CxlRejReason.INCORRECT_QUANTITY: 99,
    CxlRejReason.ORDER_EXCEEDS_LIMIT: 99,
    CxlRejReason.POST_ONLY_WOULD_TRADE: 99,
    CxlRejReason.THROTTLED: 99,
}


@unique
class DecisionReason(Enum):
    """What made the router decide."""

    INITIAL = "initial"
    PARTIAL_FILL = "partial_fill"
    REJECT = "reject"
    TIMEOUT = "timeout"
    QUOTE_CHANGE = "quote_change"
    SCHEDULE = "schedule"


@unique
class EndReason(Enum):
    """Why a parent order ended."""

    FILLED = "filled"
    DEADLINE = "deadline"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    NO_VENUE = "no_venue"
    NO_ANSWER = "no_answer"
    RUN_ENDED = "run_ended"
    ABORTED = "aborted"


@unique
class TradingState(Enum):
    """Whether a venue trades (FIX TradSesStatus and SecurityTradingStatus)."""

    PRE_OPEN = "pre_open"
    OPEN = "open"
    HALTED = "halted"
    CLOSED = "closed"


@unique
class Outcome(Enum):
    """How a run ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    ABORTED = "aborted"


class Priority(IntEnum):
    """Rank of events at one instant.

    Others act before us, and what arrives is handled before timers fire.
    """

    FAULT = 0
    FLOW = 1
    ORDER = 2
    REPORT = 3
    FEED = 4
    TIMER = 5
