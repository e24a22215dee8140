"""
How to find all near hashes without comparing all: the general pigeonhole principle.

Cut the 64 bits into chunks and give each chunk a budget ``t``, so that the sum of all ``t + 1`` is ``radius
+ 1``. Two hashes within the radius then differ in at most ``t`` bits in at least one chunk, or the
differing bits would sum up to more than the radius. So it is enough to compare hashes whose values of some
chunk lie within its budget, and nothing is missed. (Norouzi et al. 2012, "Fast search in Hamming space with
multi-index hashing"; the unequal budgets are from Qin et al. 2018, "GPH".)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, inf

from airflow_provider_imagekit.phash import PHASH_BITS

__all__ = ["Chunk", "expected_cost", "found_before", "plan_chunks", "steps_of"]

# A table of 2**width bucket starts must stay small beside the hashes, which the widest chunks have only where
# there are many; fewer bits select too little to be of use.
_WIDTHS = range(10, 31)
_MIN_WIDEST = 22
_MAX_BUDGET = 4
# In comparisons: to look up the bucket that faces a hash, and to sort a hash into its bucket (measured).
_STEP = 3
_SORT = 10


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Some neighbouring bits of the hash, and in how many of them two hashes may differ.

    :param shift: bits to the right of the chunk.
    :param width: bits in the chunk; with 0 there is one bucket, and all is compared with all.
    :param budget: bits that may differ.
    """

    shift: int
    width: int
    budget: int

    def value(self, bits: int) -> int:
        """Return the chunk's bits of a hash; works on a NumPy array of hashes too."""
        return (bits >> self.shift) & ((1 << self.width) - 1)

    def masks(self) -> list[int]:
        """Return every difference within the budget, 0 first."""
        positions = [1 << position for position in range(self.width)]
        return [sum(bits) for count in range(self.budget + 1) for bits in combinations(positions, count)]


def found_before(difference: int, chunks: tuple[Chunk, ...]) -> bool:
    """Return whether one of these chunks finds two hashes of this difference (their xor)."""
    return any(chunk.value(difference).bit_count() <= chunk.budget for chunk in chunks)


def steps_of(chunks: tuple[Chunk, ...], part: tuple[int, int] = (0, 1)) -> list[tuple[int, int]]:
    """
    Return the steps of a search: the number of a chunk and one of its masks each.

    The steps are independent of each other: each finds pairs that no other one does.

    :param chunks: the plan.
    :param part: of so many equal parts of the steps, the one to return: its number, from 0, and their number.
    """
    steps = [(number, mask) for number, chunk in enumerate(chunks) for mask in chunk.masks()]
    number, of = part
    return steps[len(steps) * number // of : len(steps) * (number + 1) // of]


def plan_chunks(rows: int, columns: int | None, radius: int) -> tuple[Chunk, ...]:
    """
    Choose the chunks that make a search of near pairs cheapest.

    A chunk costs one comparison per pair in facing buckets, if the hashes are spread evenly, some
    comparisons' time for each of its masks per row, and a few more for sorting the hashes into buckets. A
    wider chunk has smaller buckets and more masks. Where nothing beats comparing all with all, that is the
    plan.

    :param rows: how many hashes.
    :param columns: how many hashes they are paired with; ``None`` if they are paired among themselves.
    :param radius: the largest distance to find.
    :return: disjoint chunks, widest first; their budgets suffice for the radius.
    """
    comparisons = rows * rows / 2 if columns is None else float(rows * columns)
    cost, sizes = _cheapest(rows, rows + (columns or 0), comparisons, PHASH_BITS, radius + 1)
    if cost >= comparisons:
        return (Chunk(shift=0, width=0, budget=0),)
    chunks, shift = [], 0
    for width, budget in sorted(sizes, reverse=True):
        chunks.append(Chunk(shift, width, budget))
        shift += width
    return tuple(chunks)


def expected_cost(width: int, budget: int, rows: int, hashes: int, comparisons: float) -> float:
    """
    Return what a chunk is expected to cost, in comparisons; see :func:`plan_chunks`.

    :param width: bits in the chunk.
    :param budget: bits that may differ.
    :param rows: how many hashes are looked up.
    :param hashes: how many are sorted into buckets.
    :param comparisons: of all with all.
    """
    masks = sum(comb(width, differing) for differing in range(budget + 1))
    return _SORT * hashes + masks * (_STEP * rows + comparisons / 2.0**width)


@lru_cache(maxsize=65_536)
def _cheapest(
    rows: int, hashes: int, comparisons: float, bits: int, needed: int
) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Return the least cost, and (width, budget) of each chunk, for the bits and the radius + 1 left."""
    if needed <= 0:
        return 0.0, ()
    best: tuple[float, tuple[tuple[int, int], ...]] = (inf, ())
    for width in _WIDTHS:
        if width > min(bits, max(_MIN_WIDEST, hashes.bit_length())):
            break
        for budget in range(min(_MAX_BUDGET, needed - 1) + 1):
            rest, others = _cheapest(rows, hashes, comparisons, bits - width, needed - budget - 1)
            cost = rest + expected_cost(width, budget, rows, hashes, comparisons)
            if cost < best[0]:
                best = cost, ((width, budget), *others)
    return best
