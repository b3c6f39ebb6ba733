"""Changes inputs at random: bytes of any kind, and edits of an audit log's records.

Blind to what a parser does with its input, but not to how such inputs look: lines, numbers, fields
between separators, values that have broken parsers before. Everything is a function of the given
generator.
"""

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]

INPUT_BYTES_MAX: Final = 1 << 20
"""Longer inputs are cut: the cost of size is for the tests of limits."""

_NUMBER: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_BETWEEN: Final = re.compile(rb"([,:\n\"\[\]{} ])")
_LONG: Final = (60, 300, 70_000)

JUNK: Final[tuple[bytes, ...]] = (
    *(b"", b" ", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\\", b'"', b"'", b'""', b"#"),
    *(
        b",,,,,,,,",
        b"[]",
        b"{}",
        b"[",
        b"{",
        b"]",
        b"}",
        b"null",
        b"true",
        b"~",
        b"- ",
        b": ",
        b"%",
    ),
    *(b"0", b"-0", b"-0.0", b"-1", b"1e999", b"1e-320", b"1e5", b"nan", b"NaN", b"inf", b"-inf"),
    *(b".5", b"1.", b"+1", b"0x10", b"010", b"1_0", b"1,000", b"0.0000000001", b"0.1", b"1.5"),
    *(b"127", b"128", b"255", b"256", b"32767", b"32768", b"65535", b"65536", b"2147483647"),
    *(b"2147483648", b"4294967295", b"9007199254740993", b"9223372036854775807"),
    *(b"9223372036854775808", b"-9223372036854775808", b"18446744073709551615"),
    *(b"18446744073709551616", b"1" + b"0" * 30, b"9" * 60, b"1000000000000000001"),
    *("\uff11\uff12".encode(), "\u0663".encode(), b"\xc3\xa9", b"\xff", b"\xed\xa0\x80"),
    *("\u202e".encode(), "\u200b".encode(), b"\xef\xbb\xbf", "\u2028".encode(), b"\x1b[2J"),
    *("\x9b31m".encode(), b"\x7f", b"\x07", b"<script>alert(1)</script>", b"javascript:alert(1)"),
    *(b"=cmd()", b"../../etc/passwd", b"/etc/passwd", b"/dev/zero", b"CON", b"\\u0000", b"\\ud800"),
    *(b"!!python/object/apply:os.system [id]", b"&a", b"*a", b"<<: ", b"---", b"%YAML 1.1\n"),
    *(b"canary.py:Canary", b"canary:Canary", b"${HOME}", b"$(id)", b"{{7*7}}", b"NO", b"12:30"),
)
_INTS: Final = (0, 1, -1, 127, 128, 255, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))


def mutate_bytes(rng: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """One to a few changes of an input; ``pool`` are others to take pieces from."""
    for _ in range(1 + min(rng.getrandbits(2), rng.getrandbits(2))):
        data = rng.choice(_CHANGES)(rng, data, pool)
    return data[:INPUT_BYTES_MAX]


def _span(rng: Random, data: bytes, most: int = 40) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.randint(0, most))


def _replace(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + rng.choice(JUNK) + data[end:]


def _number(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    """Another number, or junk, in the place of a number."""
    start = rng.randint(0, len(data))
    found = _NUMBER.search(data, start) or _NUMBER.search(data)
    if found is None:
        return _replace(rng, data, _pool)
    new = rng.choice(JUNK)
    if len(found[0]) < 20 and rng.random() < 0.3:
        new = b"%d" % (int(found[0].partition(b".")[0]) + rng.choice((-1, 1, 10)))
    return data[: found.start()] + new + data[found.end() :]


def _field(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    """Junk in the place of a field between separators."""
    start = rng.randint(0, len(data))
    parts = _BETWEEN.split(data[start : start + 400])
    at = rng.randrange(len(parts))
    parts[at] = rng.choice(JUNK)
    return data[:start] + b"".join(parts) + data[start + 400 :]


def _flip(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _integer(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    """A binary integer at the border of its range."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(_INTS) % (1 << (8 * size))
    at = rng.randint(0, max(0, len(data) - size))
    return data[:at] + value.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def _delete(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data, rng.choice((4, 40, 4_000)))
    return data[:start] + data[end:]


def _double(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data, rng.choice((4, 40, 4_000)))
    return data[:end] + data[start:end] + data[end:]


def _many(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    """A piece very often: long lines, deep nesting, many members."""
    start, end = _span(rng, data, 8)
    piece = data[start:end] or rng.choice(JUNK)
    return data[:start] + piece * rng.choice(_LONG) + data[end:]


def _cut(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _lines(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    """A line moved, doubled or lost."""
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(3)
    if how == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif how == 1:
        lines.insert(other, lines[one])
    else:
        del lines[one]
    return b"\n".join(lines)


def _splice(rng: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    other = rng.choice(pool) if pool else data
    start, _ = _span(rng, data)
    begin, end = _span(rng, other, 2_000)
    return data[:start] + other[begin:end] + data[start:]


def _noise(rng: Random, data: bytes, _pool: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + rng.randbytes(rng.randint(1, 16)) + data[end:]


_CHANGES: Final[tuple[Mutator, ...]] = (
    *(_replace, _replace, _number, _number, _field, _field, _flip, _integer, _delete, _double),
    *(_many, _cut, _lines, _lines, _splice, _noise),
)

# ------------------------------------------------------------ edits of a log

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 100, 10**6, 10**9, 10**12, 10**15, 10**18, 2**53 + 1),
    *(2**63 - 1, -(2**63), 2**63, 2**64, 10**30, 0.5, -0.5, 1e300, 1e-320, "", "x", "0", "1", "-1"),
    *("0.5", "-0.5", "1e999", "1e-320", "NaN", "Infinity", "9" * 60, "0." + "0" * 60 + "1"),
    *("P1", "P1.NYSE.1", "NYSE", "DARK_B", "X", "buy", "sell", "limit", "filled", "complete"),
    *("\x1b[2J", "\x9b31m", "\u202eevil", "a\u200bb", "\ud7ff", "\x7f", "a\nb", "a\tb", "\u2028"),
    *("<script>alert(1)</script>", "</script><script>alert(1)</script>", "x" * 5_000, "{{7*7}}"),
    *('"><img src=x onerror=alert(1)>', "=cmd()", "../../x", "[bold]x[/bold]", "|a|b|", "`a`"),
    *([], {}, [[]], [{}], {"a": 1}, [0], [None], [["100.00", 1]], {"x": {}}),
)


def mutate_edits(rng: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """Another list of edits: one JSON list per line, ``[how, record, place, value]``.

    ``how`` is set, drop, double or swap; record and place count modulo what there is. See
    ``targets.edited``.
    """
    edits = data.splitlines()
    if edits and rng.random() < 0.4:
        del edits[rng.randrange(len(edits))]
    if pool and rng.random() < 0.1:
        edits += rng.choice(pool).splitlines()[:3]
    for _ in range(rng.randint(1, 3)):
        how = rng.choice(("set", "set", "set", "set", "set", "set", "drop", "double", "swap"))
        record = rng.choice((0, 0, rng.randrange(1_000), rng.randrange(1_000)))
        edit = [how, record, rng.randrange(10_000), rng.choice(VALUES)]
        edits.append(json.dumps(edit).encode())
    return b"\n".join(edits[-12:])
