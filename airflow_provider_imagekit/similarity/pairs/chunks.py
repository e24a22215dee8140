"""
Plan a search that finds all near hashes without comparing every pair: the general pigeonhole principle.

Divide the 64 bits into chunks and give each chunk a budget ``t``, so that the sum of all ``t + 1`` is
``radius + 1``. Two hashes within the radius then differ in at most ``t`` bits in at least one chunk;
otherwise the differing bits would add up to more than the radius. So it is enough to compare hashes that
are within the budget of some chunk, and no pair is missed. (Norouzi et al. 2012, "Fast search in Hamming
space with multi-index hashing"; the unequal budgets are from Qin et al. 2018, "GPH".)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, inf

from airflow_provider_imagekit.phash import PHASH_BITS

__all__ = ["Chunk", "expected_cost", "found_before", "plan_chunks", "steps_of"]

# A table of 2**width bucket starts must be small compared with the hashes, so only large tables use the
# widest chunks. Chunks of fewer bits do not select enough.
_WIDTHS = range(10, 31)
_MIN_WIDEST = 22
_MAX_BUDGET = 4
# Measured costs, in comparisons: to look up the bucket that faces a hash, and to sort a hash into its bucket.
_STEP = 3
_SORT = 10


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Adjacent bits of the hash, and the number of them in which two hashes may differ.

    :param shift: bits to the right of the chunk.
    :param width: bits in the chunk; with 0 there is one bucket, and all hashes are compared with each other.
    :param budget: bits that may differ.
    """

    shift: int
    width: int
    budget: int

    def value(self, bits: int) -> int:
        """Return the chunk's bits of a hash; also works on a NumPy array of hashes."""
        return (bits >> self.shift) & ((1 << self.width) - 1)

    def masks(self) -> list[int]:
        """Return every difference within the budget, 0 first."""
        positions = [1 << position for position in range(self.width)]
        return [sum(bits) for count in range(self.budget + 1) for bits in combinations(positions, count)]


def found_before(difference: int, chunks: tuple[Chunk, ...]) -> bool:
    """Return whether one of these chunks finds two hashes with this difference (their xor)."""
    return any(chunk.value(difference).bit_count() <= chunk.budget for chunk in chunks)


def steps_of(chunks: tuple[Chunk, ...], part: tuple[int, int] = (0, 1)) -> list[tuple[int, int]]:
    """
    Return the steps of a search; each is the number of a chunk and one of its masks.

    The steps are independent of each other: each finds pairs that no other step finds.

    :param chunks: the plan.
    :param part: number of the part of the steps to return, from 0, and the number of equal parts.
    """
    steps = [(number, mask) for number, chunk in enumerate(chunks) for mask in chunk.masks()]
    number, of = part
    return steps[len(steps) * number // of : len(steps) * (number + 1) // of]


def plan_chunks(rows: int, columns: int | None, radius: int) -> tuple[Chunk, ...]:
    """
    Choose the chunks with which a search for near pairs is cheapest.

    The cost of a chunk, for evenly distributed hashes, is one comparison per pair in facing buckets, the time
    of some comparisons for each of its masks per row, and of a few more for sorting the hashes into buckets.
    A wider chunk has smaller buckets and more masks. If comparing every pair is the cheapest, that is the
    plan.

    :param rows: number of hashes.
    :param columns: number of hashes they are paired with; ``None`` if they are paired with each other.
    :param radius: maximum distance to find, in bits.
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
    Return the expected cost of a chunk, in comparisons; see :func:`plan_chunks`.

    :param width: bits in the chunk.
    :param budget: bits that may differ.
    :param rows: number of hashes that are looked up.
    :param hashes: number of hashes that are sorted into buckets.
    :param comparisons: number of comparisons of every pair.
    """
    masks = sum(comb(width, differing) for differing in range(budget + 1))
    return _SORT * hashes + masks * (_STEP * rows + comparisons / 2.0**width)


@lru_cache(maxsize=65_536)
def _cheapest(
    rows: int, hashes: int, comparisons: float, bits: int, needed: int
) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Return the lowest cost, and (width, budget) of each chunk, for the remaining bits and radius + 1."""
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
