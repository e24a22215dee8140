"""Sets of hashes that are difficult for a search, for property tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from hypothesis import strategies as st

from airflow_provider_imagekit.similarity.pairs.pairs import without_numpy

HASHES = st.integers(0, 2**64 - 1)
BITS = st.integers(0, 63)


def flip(bits: int, positions: list[int]) -> int:
    """Return the hash with these bits flipped."""
    for position in positions:
        bits ^= 1 << position
    return bits


def by(numpy: bool, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function with or without NumPy."""
    with nullcontext() if numpy else without_numpy():
        return call(*arguments, **options)


random = st.lists(HASHES, max_size=40)
#: A few centres with neighbours up to 12 bits away.
clustered = st.lists(
    st.builds(
        lambda centre, flips: [flip(centre, positions) for positions in flips],
        HASHES,
        st.lists(st.lists(BITS, max_size=12), min_size=1, max_size=8),
    ),
    max_size=6,
).map(lambda clusters: [bits for cluster in clusters for bits in cluster])
all_equal = st.builds(lambda bits, count: [bits] * count, HASHES, st.integers(0, 40))
#: Each hash differs by one bit from the previous one.
chains = st.builds(
    lambda start, positions: [flip(start, positions[:end]) for end in range(len(positions) + 1)],
    HASHES,
    st.lists(BITS, max_size=40),
)
#: Nearly all bits are zero, so all chunks except one or two are equal.
many_zeros = st.lists(st.lists(BITS, max_size=3).map(lambda positions: flip(0, positions)), max_size=40)

hash_lists = st.one_of(random, clustered, all_equal, chains, many_zeros)
radii = st.integers(0, 64)


def brute_force(first: list[int], second: list[int] | None, radius: int) -> list[tuple[int, int, int]]:
    """Compare every pair."""
    return [
        (i, j, (one ^ other).bit_count())
        for i, one in enumerate(first)
        for j, other in enumerate(first if second is None else second)
        if (second is not None or i < j) and (one ^ other).bit_count() <= radius
    ]
