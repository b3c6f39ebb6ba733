"""What one scalar of a scenario file means, and how it is printed in a message.

Plain (unquoted) scalars follow the YAML 1.2 core schema, quoted and block scalars are always text.
On top of that schema some numbers are refused, because they lose something or because two readers
of YAML would take them for two different numbers. Knows no file, no parser and no model.

Source: YAML 1.2.2, section 10.3.2 (core schema, tag resolution).
"""

import re
import sys
from typing import Final

ScalarValue = None | bool | int | float | str

MAX_INT: Final = 2**63 - 1
MAX_NUMBER_CHARS: Final = 40
SHOWN_CHARS: Final = 60

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_WORDS: Final = _NULL | _TRUE | _FALSE
_NUMBER_START: Final = frozenset("+-.0123456789")
_DECIMAL_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED_INT: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NON_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]")
_ALL_ZERO: Final = re.compile(r"[-+]?[0.]+(?:[eE].*)?")


class ScalarError(ValueError):
    """A scalar that is refused; the message says what was found and what is allowed."""


def resolve_plain(text: str) -> ScalarValue:
    """Value of a plain scalar.

    ``true``/``false``, ``null``/``~``/nothing, decimal integers, ``0x1F``, ``0o17`` and floats are
    read as the core schema says. Everything else is text: ``NO``, ``on``, ``10:30``, ``1_000``,
    ``2024-01-31``, ``inf``.

    Raises:
        ScalarError: For ``.inf`` and ``.nan``; for a leading zero (``010`` is 8 to some readers and
            10 to others); for minus zero; for an integer beyond +-(2**63 - 1); for a float that
            overflows or underflows; for a number of more than ``MAX_NUMBER_CHARS`` characters.
    """
    if text in _WORDS:
        return None if text in _NULL else text in _TRUE
    if text[0] not in _NUMBER_START:
        return text
    if len(text) <= 18 and text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        return int(text)
    if _NON_FINITE.fullmatch(text):
        raise ScalarError(f"found {shown(text)}; allowed: finite numbers only")
    if _FLOAT.fullmatch(text):
        return _number(text)
    if _BASED_INT.fullmatch(text):
        return _bounded_int(text, 0)
    return text


def unprintable(text: str) -> str | None:
    """The first character that no text of a scenario may hold, or None.

    Allowed are printable characters, the newline and the tab; not control, bidirectional,
    zero-width or unassigned characters and no other spaces than U+0020.
    """
    if text.isprintable():
        return None
    return next((char for char in text if not char.isprintable() and char not in "\n\t"), None)


def shown(text: str) -> str:
    """Text for a message: quoted, pure ASCII, shortened."""
    if len(text) > SHOWN_CHARS:
        return f"{text[: SHOWN_CHARS - 10]!a}... ({len(text)} characters)"
    return ascii(text)


def char_name(char: str) -> str:
    """``U+200B`` for a character that cannot be printed."""
    return f"U+{ord(char):04X}"


def _number(text: str) -> int | float:
    if len(text) > MAX_NUMBER_CHARS:
        raise ScalarError(
            f"found a number of {len(text)} characters; allowed: at most {MAX_NUMBER_CHARS}"
        )
    if _LEADING_ZERO.match(text):
        raise ScalarError(
            f"found {text}, a number with a leading zero, which some readers take for octal; "
            "allowed: no leading zero, or quotes if it is text"
        )
    if text[0] == "-" and _ALL_ZERO.fullmatch(text):
        raise ScalarError(f"found {text}, minus zero; allowed: 0")
    if _DECIMAL_INT.fullmatch(text):
        return _bounded_int(text, 10)
    value = float(text)
    if abs(value) > sys.float_info.max:
        raise ScalarError(
            f"found {text}, too large for a number; allowed: at most {sys.float_info.max:.3g}"
        )
    if abs(value) < sys.float_info.min and not _ALL_ZERO.fullmatch(text):
        raise ScalarError(
            f"found {text}, too close to 0; allowed: 0 or at least {sys.float_info.min:.3g}"
        )
    return value


def _bounded_int(text: str, base: int) -> int:
    if len(text) > MAX_NUMBER_CHARS or abs(value := int(text, base)) > MAX_INT:
        raise ScalarError(f"found {shown(text)}, too large; allowed: integers up to 2^63 - 1")
    return value
