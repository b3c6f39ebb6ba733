"""Learning a fixed split over pools from fills: a stochastic gradient, and a reinforcement rule.

With order volume V, supply D_i and worth rho_i of a lot filled at pool i, the aim is the split r on
the simplex with the largest ``E sum rho_i * min(r_i * V, D_i)``. The volume of an order counts as 1
here, so steps do not depend on the unit of quantity.

The Lagrangian algorithm climbs towards it:
``r <- projection(r + gamma_n * (rho_i * 1{r_i V < D_i} - mean_j rho_j * 1{r_j V < D_j}))``.
Reinforcement gives a pool what it has brought: ``I_i += rho_i * min(r_i V, D_i)`` and
``r = I / sum I``. That settles where ``rho_i * E min(r_i V, D_i) / r_i`` is the same for all
pools, which is not the optimum and may be worse than an even split.

Source: Laruelle, Lehalle and Pages, Optimal split of orders across liquidity pools: a stochastic
algorithm approach (SIAM Journal on Financial Mathematics 2, 2011).
"""

from collections.abc import Sequence


def project(point: Sequence[float]) -> list[float]:
    """The nearest point of the simplex: coordinates >= 0 that sum to 1.

    Raises:
        ValueError: If the point has no coordinate.

    Source: the sorting rule of Held, Wolfe and Crowder (1974).
    """
    if not point:
        raise ValueError("point must have a coordinate")
    total, shift = 0.0, 0.0
    for n, value in enumerate(sorted(point, reverse=True), start=1):
        total += value
        if value * n > total - 1.0:
            shift = (total - 1.0) / n
        else:
            break
    return [max(0.0, value - shift) for value in point]


class StochasticSplit:
    """The Lagrangian algorithm.

    Args:
        worth: Per pool what a lot filled there is worth, > 0.
        gain: Size of the first step, > 0.
        power: Steps are ``gain / n**power``, 0 to 1. Above 1/2 they settle; with 0 they never do,
            and follow a supply that changes.

    Raises:
        ValueError: If an argument is out of its bounds.
    """

    __slots__ = ("_gain", "_n", "_power", "_worth", "split")

    def __init__(self, worth: Sequence[float], gain: float, power: float) -> None:
        if not worth or min(worth) <= 0 or gain <= 0 or not 0 <= power <= 1:
            raise ValueError(
                f"must have worth > 0, gain > 0, 0 <= power <= 1; was {worth}, {gain}, {power}"
            )
        self.split = [1.0 / len(worth)] * len(worth)
        self._worth = tuple(worth)
        self._gain = gain
        self._power = power
        self._n = 0

    def shares(self) -> list[float]:
        """The part of an order for each pool; they sum to 1."""
        return self.split

    def grow(self, worth: float = 1.0) -> None:
        """One more pool, where a lot is worth this much: it begins with an even share."""
        known = len(self.split)
        self.split = [share * known / (known + 1) for share in self.split] + [1 / (known + 1)]
        self._worth = (*self._worth, worth)

    def learn(self, full: Sequence[bool | None]) -> None:
        """One round of answers.

        Args:
            full: Per pool whether it filled all that it got, so that its supply was as large; None:
                it could not be asked, and its share stays but for the projection. A pool whose
                share came to no whole lot filled all of nothing.
        """
        asked = [
            None if was_full is None else worth * was_full
            for worth, was_full in zip(self._worth, full, strict=True)
        ]
        rises = [rise for rise in asked if rise is not None]
        if not rises:
            return
        self._n += 1
        step = self._gain / self._n**self._power
        mean = sum(rises) / len(rises)
        self.split = project([
            share if rise is None else share + step * (rise - mean)
            for share, rise in zip(self.split, asked, strict=True)
        ])  # fmt: skip


class Reinforcement:
    """Shares in proportion to what each pool has brought. It is no optimum: see the module.

    Args:
        worth: Per pool what a lot filled there is worth, > 0.

    Raises:
        ValueError: If a worth is not > 0.
    """

    __slots__ = ("_worth", "brought")

    def __init__(self, worth: Sequence[float]) -> None:
        if not worth or min(worth) <= 0:
            raise ValueError(f"must have worth > 0, was {worth}")
        self._worth = tuple(worth)
        self.brought = [1.0] * len(worth)

    def shares(self) -> list[float]:
        """The part of an order for each pool; they sum to 1."""
        total = sum(self.brought)
        return [value / total for value in self.brought]

    def grow(self, worth: float = 1.0) -> None:
        """One more pool, where a lot is worth this much: it begins with an even share."""
        self.brought.append(sum(self.brought) / len(self.brought))
        self._worth = (*self._worth, worth)

    def learn(self, filled: Sequence[float]) -> None:
        """One round of answers.

        Args:
            filled: Per pool the part of the whole order that it filled, 0 to 1.
        """
        self.brought = [
            brought + worth * part
            for brought, worth, part in zip(self.brought, self._worth, filled, strict=True)
        ]
