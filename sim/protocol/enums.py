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
    STOP = "stop"
    """A market order that waits until the last price has reached its stop price."""
    STOP_LIMIT = "stop_limit"
    """A limit order that waits as a stop does."""
    MARKET_TO_LIMIT = "market_to_limit"
    """A limit order at the best displayed price of the other side as it comes."""
    PEGGED = "pegged"
    """A limit order whose price follows a reference; ``price``, if there is one, caps it."""


@unique
class PegReference(Enum):
    """What the price of a pegged order follows (FIX PegPriceType)."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"
    PRIMARY = "primary"
    """The best price of the order's own side: the bid for a buy, the ask for a sell."""


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
    TRIGGERED = "triggered"
    """A stop has been elected and is in the market from now on."""
    PENDING_CANCEL = "pending_cancel"
    """A cancel has come and is not decided yet."""
    PENDING_REPLACE = "pending_replace"
    """A replace has come and is not decided yet."""
    DONE_FOR_DAY = "done_for_day"
    """The venue has closed; what was open will not trade today."""
    TRADE_CANCEL = "trade_cancel"
    """An execution has been busted: it counts no more."""
    TRADE_CORRECT = "trade_correct"
    """An execution has another quantity or price than was reported."""
    ORDER_STATUS = "order_status"
    """What became of the order, because its owner asked; nothing new happened."""


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
    DONE_FOR_DAY = "done_for_day"


@unique
class RejectReason(Enum):
    """Why a venue refused a new order (FIX OrdRejReason)."""

    EXCHANGE_CLOSED = "exchange_closed"
    """The venue is not open: before its hours, after them, or halted."""
    ORDER_EXCEEDS_LIMIT = "order_exceeds_limit"
    """The order is larger than the venue takes (``max_order_qty``)."""
    TOO_LATE_TO_ENTER = "too_late_to_enter"
    """New orders are not taken any more today (``trading.last_entry``)."""
    DUPLICATE_ORDER = "duplicate_order"
    """An order of this account had the same id."""
    INCORRECT_QUANTITY = "incorrect_quantity"
    """No whole multiple of the venue's lot, not above zero, or less than a minimum quantity."""
    INVALID_PRICE_INCREMENT = "invalid_price_increment"
    """No whole multiple of the venue's tick, or not above zero."""
    PRICE_EXCEEDS_BAND = "price_exceeds_band"
    """The limit is further from the last price than the venue allows (``price_band``)."""
    UNSUPPORTED_ORDER = "unsupported_order"
    """A type of order that this kind of venue does not take."""
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    """A post-only order would have taken lots."""
    STOP_PRICE_REACHED = "stop_price_reached"
    """The last price is at or through the stop price already, and the venue takes no such stops."""
    THROTTLED = "throttled"
    """The account sent too many messages (``throttle``), or the venue's queue is full."""
    SHORT_SALE_RESTRICTED = "short_sale_restricted"
    """A short sale at or below the best bid while these are not allowed (``short_sale``)."""
    NO_REFERENCE = "no_reference"
    """A dealer has no bid and offer of others that it could price by, or a pegged or
    market-to-limit order no price in the book."""
    LAST_LOOK = "last_look"
    """The market moved while a dealer held the order, and it does not stand by its quote."""
    UNKNOWN_ORDER = "unknown_order"
    """The answer to a question about an order that the venue does not know."""


FIX_ORD_REJ_REASON = {
    RejectReason.EXCHANGE_CLOSED: 2,
    RejectReason.ORDER_EXCEEDS_LIMIT: 3,
    RejectReason.TOO_LATE_TO_ENTER: 4,
    RejectReason.DUPLICATE_ORDER: 6,
    RejectReason.UNSUPPORTED_ORDER: 11,
    RejectReason.INCORRECT_QUANTITY: 13,
    RejectReason.PRICE_EXCEEDS_BAND: 16,
    RejectReason.INVALID_PRICE_INCREMENT: 18,
    RejectReason.POST_ONLY_WOULD_TRADE: 99,
    RejectReason.STOP_PRICE_REACHED: 99,
    RejectReason.THROTTLED: 99,
    RejectReason.SHORT_SALE_RESTRICTED: 99,
    RejectReason.NO_REFERENCE: 99,
    RejectReason.LAST_LOOK: 99,
    RejectReason.UNKNOWN_ORDER: 5,
}


@unique
class Control(Enum):
    """What the router looks at before an order or a replace leaves (``router.controls``)."""

    PRICE_COLLAR = "price_collar"
    """The limit is too far beyond the reference price."""
    NO_REFERENCE = "no_reference"
    """There is no reference price for the collar."""
    MAX_ORDER_QTY = "max_order_qty"
    """The order is too large."""
    MAX_ORDER_VALUE = "max_order_value"
    """The order is worth too much."""
    MAX_OPEN = "max_open"
    """Too much would be open at a time."""
    MAX_TOTAL = "max_total"
    """Too much would be filled or open in all."""
    MESSAGES = "messages"
    """Too many messages within a time."""
    EXECUTIONS = "executions"
    """Too many fills of a parent within a time."""
    KILL_SWITCH = "kill_switch"
    """All trading ends."""


FIX_CONTROL_REJ_REASON = {
    Control.PRICE_COLLAR: 16,
    Control.NO_REFERENCE: 19,
    Control.MAX_ORDER_QTY: 3,
    Control.MAX_ORDER_VALUE: 20,
    Control.MAX_OPEN: 21,
    Control.MAX_TOTAL: 21,
    Control.MESSAGES: 99,
    Control.EXECUTIONS: 21,
    Control.KILL_SWITCH: 21,
}
"""FIX OrdRejReason of a breach, as a broker would tell its client (FIX 5.0 SP2, EP149)."""


@unique
class CxlRejReason(Enum):
    """Why a cancel or replace was refused (FIX CxlRejReason)."""

    TOO_LATE = "too_late"
    """The order has ended: filled, canceled or expired; or a dealer works on it and will not have
    it changed."""
    UNKNOWN_ORDER = "unknown_order"
    """The account has no such order here."""
    EXCHANGE_CLOSED = "exchange_closed"
    """The venue is not open."""
    ALREADY_PENDING = "already_pending"
    """Another cancel or replace of the order is not decided yet."""
    DUPLICATE_ID = "duplicate_id"
    """The id of the request was used before."""
    PRICE_EXCEEDS_BAND = "price_exceeds_band"
    """As for a new order, for the new price."""
    INVALID_PRICE_INCREMENT = "invalid_price_increment"
    """As for a new order, for the new price."""
    INCORRECT_QUANTITY = "incorrect_quantity"
    """As for a new order, for the new quantity."""
    ORDER_EXCEEDS_LIMIT = "order_exceeds_limit"
    """As for a new order, for the new quantity."""
    POST_ONLY_WOULD_TRADE = "post_only_would_trade"
    """The new price of a post-only order would take lots."""
    STOP_PRICE_REACHED = "stop_price_reached"
    """As for a new order, for the new stop price."""
    UNSUPPORTED_CHANGE = "unsupported_change"
    """The order has no such price or quantity to change."""
    THROTTLED = "throttled"
    """As for a new order."""
    SHORT_SALE_RESTRICTED = "short_sale_restricted"
    """As for a new order, for the new price."""


FIX_CXL_REJ_REASON = {
    CxlRejReason.TOO_LATE: 0,
    CxlRejReason.UNKNOWN_ORDER: 1,
    CxlRejReason.EXCHANGE_CLOSED: 2,
    CxlRejReason.ALREADY_PENDING: 3,
    CxlRejReason.DUPLICATE_ID: 6,
    CxlRejReason.PRICE_EXCEEDS_BAND: 8,
    CxlRejReason.INVALID_PRICE_INCREMENT: 18,
    CxlRejReason.INCORRECT_QUANTITY: 99,
    CxlRejReason.ORDER_EXCEEDS_LIMIT: 99,
    CxlRejReason.POST_ONLY_WOULD_TRADE: 99,
    CxlRejReason.STOP_PRICE_REACHED: 99,
    CxlRejReason.UNSUPPORTED_CHANGE: 99,
    CxlRejReason.THROTTLED: 99,
    CxlRejReason.SHORT_SALE_RESTRICTED: 99,
}


@unique
class CxlRejResponseTo(Enum):
    """What kind of request was refused (FIX CxlRejResponseTo); a reduction counts as a replace."""

    CANCEL = "cancel"
    REPLACE = "replace"


@unique
class DecisionReason(Enum):
    """What made the router decide."""

    INITIAL = "initial"
    """The parent arrived."""
    PARTIAL_FILL = "partial_fill"
    """A child ended with lots left."""
    REJECT = "reject"
    """A venue refused a child."""
    TIMEOUT = "timeout"
    """A child was canceled, since its venue was silent."""
    QUOTE_CHANGE = "quote_change"
    """Lots are free, and a quote arrived or lots came back into view."""
    BUST = "bust"
    """A venue took a fill back, and its lots are free."""
    ANSWERED = "answered"
    """All pools that were tried have answered, or a ping has: what is free has waited for that."""
    POST_OVER = "post_over"
    """What was posted had its time, and what did not fill of it is taken now."""
    NEXT_VENUE = "next_venue"
    """The child before it has ended, and the next venue's turn has come: sequential sending."""
    HELD_BACK = "held_back"
    """A child was dropped before it left, and its lots are free."""
    HALT = "halt"
    """A venue stopped trading, and what was open there has come back."""
    CONTROL = "control"
    """A control kept an order from leaving, or lets the parent go on."""
    DEADLINE_NEAR = "deadline_near"
    """The deadline is near, and the spread is crossed."""
    REPORT = "report"
    """A venue said something about a child; only the user's own routers decide on that."""
    OWN = "own"
    """The user's own router had asked for this time, or acts by itself."""
    SCHEDULE = "schedule"
    """A schedule released lots, or its horizon is over."""


@unique
class EndReason(Enum):
    """Why a parent order ended."""

    FILLED = "filled"
    """All of it is filled."""
    BUSTED = "busted"
    """All that it did not keep as filled was taken back."""
    DEADLINE = "deadline"
    """Its deadline came."""
    HORIZON = "horizon"
    """The horizon of its schedule is over."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    """It had ``max_attempts`` decisions with children."""
    NO_VENUE = "no_venue"
    """No venue is left that it could go to."""
    NO_ANSWER = "no_answer"
    """What is open of it lies at venues that answer no more."""
    GIVEN_UP = "given_up"
    """Lots came back that are not to be sent anew (``reroute.on``)."""
    CONTROL = "control"
    """A control lets nothing more of it leave (``router.controls``)."""
    KILL_SWITCH = "kill_switch"
    """All trading was ended (``router.controls.kill``)."""
    RUN_ENDED = "run_ended"
    """The run's duration was over."""
    ABORTED = "aborted"
    """The run was interrupted, or something failed."""


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
    """Every parent has ended."""
    INCOMPLETE = "incomplete"
    """The run's duration was over before that."""
    ABORTED = "aborted"
    """The run was interrupted, or something failed."""


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
