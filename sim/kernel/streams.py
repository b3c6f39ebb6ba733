"""Named chance: every random number of a run comes from the scenario's seed and a name.

A name such as ``("venue", "NYSE", "latency", "order")`` fixes its numbers whatever else the
scenario holds: adding a venue or slowing one changes no draw of another name. Two kinds of draws:
*ordinal* (``Streams.get``: the n-th message of a link) and *keyed* (``Streams.keyed``: a draw that
belongs to a thing, named by what it means).

All uniforms lie on the 2**52 midpoints ``(k + 1/2) / 2**52``: never 0 and never 1, so that no
inverse distribution function meets a pole, and made by exact operations only, so that every CPU
gives the same bits.

Source: Philox-4x64-10 as numpy implements it (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", 2011); BLAKE2b (RFC 7693).
"""

from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEED_MAX: Final = 2**64 - 1
BLOCK: Final = 4096
_FIRST_BLOCK: Final = 64
_WORDS_PER_COUNT: Final = 4
_DROP_BITS: Final = 12
_STEP: Final = 2.0**-52


class Streams:
    """All chance of one run.

    Args:
        seed: The scenario's seed, from 0 to ``SEED_MAX``.

    Raises:
        ValueError: If the seed is out of bounds.
    """

    __slots__ = ("_given", "seed")

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= SEED_MAX:
            raise ValueError(f"seed must be from 0 to {SEED_MAX}, was {seed}")
        self.seed = seed
        self._given: set[tuple[str, ...]] = set()

    def get(self, *name: str) -> "Stream":
        """The ordinal stream of this name, handed out once: its draws belong to one owner.

        Raises:
            ValueError: If the name is empty, or the stream has an owner already (two readers would
                take draws from each other, and each would depend on the other's pace).
        """
        if name in self._given:
            raise ValueError(f"the stream {'/'.join(name)} has an owner already")
        stream = Stream(_key(b"sorsim.ordinal", self.seed, name))
        self._given.add(name)
        return stream

    def keyed(self, *name: str) -> "Keyed":
        """Keyed draws under this name; they have no state, so any number of owners may ask.

        Raises:
            ValueError: If the name is empty.
        """
        return Keyed(_key(b"sorsim.keyed", self.seed, name))


class Stream:
    """A sequence of uniforms; draw n is a function of the key and n alone.

    Draw n is made from the n-th word of Philox under this key. Words are made in blocks, the first
    ones short so that a stream with few draws costs little; where a block begins has no influence
    on any draw.
    """

    __slots__ = ("_key", "_left", "_philox", "_pop", "_size")

    def __init__(self, key: bytes) -> None:
        self._key = int.from_bytes(key, "little")
        self._philox = np.random.Philox(key=self._key)
        self._size = _FIRST_BLOCK
        self._left: list[float] = []  # drawn but not yet taken, the next one last
        self._pop = self._left.pop

    def uniform(self) -> float:
        """The next draw, in the open interval (0, 1)."""
        try:
            return self._pop()
        except IndexError:
            self._left.extend(self._fresh()[::-1].tolist())
            return self._pop()

    def block(self) -> NDArray[np.float64]:
        """The next draws in order, as many as are at hand or cheap to make: from 1 to ``BLOCK``."""
        if not self._left:
            return self._fresh()
        rest = np.array(self._left[::-1])
        self._left.clear()
        return rest

    def at(self, n: int) -> float:
        """Draw ``n``, counted from 0, without moving the stream.

        Raises:
            ValueError: If ``n`` is negative.
        """
        if n < 0:
            raise ValueError(f"n must be >= 0, was {n}")
        count, word = divmod(n, _WORDS_PER_COUNT)
        words = np.random.Philox(key=self._key, counter=count).random_raw(word + 1)
        return float(_uniforms(words)[word])

    def _fresh(self) -> NDArray[np.float64]:
        words = self._philox.random_raw(self._size)
        self._size = min(self._size * 4, BLOCK)
        return _uniforms(words)


class Keyed:
    """Draws that belong to things: the same meaning gives the same number, always.

    Neither the order of draws nor their count matters. A meaning is what the thing is to the
    market (parent, venue, k-th child there), never an id that shifts when something else changes.
    """

    __slots__ = ("_base",)

    def __init__(self, key: bytes) -> None:
        self._base = blake2b(key=key, digest_size=8)

    def uniform(self, *meaning: int | str) -> float:
        """The draw of this meaning, in the open interval (0, 1); "1" and 1 are two meanings."""
        digest = self._base.copy()
        digest.update(ascii(meaning).encode())  # injective, and the same in every version of Python
        return ((int.from_bytes(digest.digest(), "little") >> _DROP_BITS) + 0.5) * _STEP


def _key(kind: bytes, seed: int, name: tuple[str, ...]) -> bytes:
    """128 bits from seed and name; with their lengths, so that no two names run together."""
    if not name:
        raise ValueError("a stream needs a name, was ()")
    digest = blake2b(digest_size=16, person=kind)
    for part in (str(seed), *name):
        text = part.encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return digest.digest()


def _uniforms(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Midpoints from the upper 52 bits; each step is exact, so vectorised equals scalar."""
    return ((words >> np.uint64(_DROP_BITS)).astype(np.float64) + 0.5) * _STEP
