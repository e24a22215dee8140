"""Search for near pairs without NumPy; :mod:`~.search` selects it."""

from __future__ import annotations

from array import array
from itertools import combinations, product
from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.similarity.pairs.chunks import found_before, steps_of
from airflow_provider_imagekit.similarity.pairs.pairs import Pairs, Tally, too_many_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_imagekit.similarity.pairs.chunks import Chunk

    Buckets = dict[int, list[int]]
    #: Positions in the first and in the second table, and the distance.
    Hit = tuple[int, int, int]

__all__ = ["find_pairs"]

# Pairs to collect before those of crowds are dropped.
_KEPT = 1 << 17


def find_pairs(
    first: Sequence[int],
    second: Sequence[int] | None,
    chunks: tuple[Chunk, ...],
    radius: int,
    max_pairs: int,
    tallies: tuple[Tally, Tally] | None = None,
    counts: list[int] | None = None,
    part: tuple[int, int] = (0, 1),
) -> Pairs:
    """
    Find every near pair once.

    :param first: the hashes; distinct.
    :param second: hashes to pair the first with; distinct. ``None`` pairs the first among themselves.
    :param chunks: a plan whose budgets suffice for the radius.
    :param radius: maximum distance, in bits.
    :param max_pairs: maximum number of pairs.
    :param tallies: as :func:`~airflow_provider_imagekit.similarity.pairs.search.join` describes.
    :param counts: likewise.
    :param part: likewise.
    """
    rows = {bits: position for position, bits in enumerate(first)}
    columns = rows if second is None else {bits: position for position, bits in enumerate(second)}
    found: list[Hit] = []
    limit = _KEPT
    for one, other in _near_hashes(first, second, chunks, radius, part):
        row, column = rows[one], columns[other]
        if second is None and column < row:
            row, column = column, row
        found.append((row, column, (one ^ other).bit_count()))
        if tallies:
            _count(found[-1], tallies, counts)
        if tallies and len(found) > min(limit, max_pairs):
            found = _without_crowds(found, tallies)
            limit = 2 * len(found) + _KEPT
        if len(found) > max_pairs:
            raise too_many_pairs(max_pairs, radius)
    found = sorted(_without_crowds(found, tallies))
    return Pairs(
        array("q", (row for row, _, _ in found)),
        array("q", (column for _, column, _ in found)),
        array("B", (distance for _, _, distance in found)),
    )


def _count(hit: Hit, tallies: tuple[Tally, Tally], counts: list[int] | None) -> None:
    row, column, distance = hit
    first, second = tallies
    first.near[row] += second.carriers[column]
    second.near[column] += first.carriers[row]
    if counts is not None:
        counts[distance] += first.carriers[row] * second.carriers[column]


def _without_crowds(found: list[Hit], tallies: tuple[Tally, Tally] | None) -> list[Hit]:
    if not tallies:
        return found
    first, second = tallies
    return [hit for hit in found if not (first.is_crowded(hit[0]) and second.is_crowded(hit[1]))]


def _near_hashes(
    first: Sequence[int],
    second: Sequence[int] | None,
    chunks: tuple[Chunk, ...],
    radius: int,
    part: tuple[int, int],
) -> Iterator[tuple[int, int]]:
    steps = steps_of(chunks, part)
    buckets_of = -1
    for number, mask in track("Searching", steps, len(steps), unit="steps"):
        if number != buckets_of:
            left = _buckets(first, chunks[number])
            right = None if second is None else _buckets(second, chunks[number])
            buckets_of, earlier = number, chunks[:number]
        candidates = _among(left, mask) if right is None else _between(left, right, mask)
        for one, other in candidates:
            if (one ^ other).bit_count() <= radius and not found_before(one ^ other, earlier):
                yield one, other


def _buckets(hashes: Iterable[int], chunk: Chunk) -> Buckets:
    buckets: Buckets = {}
    for bits in hashes:
        buckets.setdefault(chunk.value(bits), []).append(bits)
    return buckets


def _among(buckets: Buckets, mask: int) -> Iterator[tuple[int, int]]:
    if not mask:
        for bucket in buckets.values():
            yield from combinations(bucket, 2)
        return
    # Two buckets are compared once, from the one without the mask's highest bit.
    highest = 1 << (mask.bit_length() - 1)
    for value, bucket in buckets.items():
        if not value & highest and (facing := buckets.get(value ^ mask)):
            yield from product(bucket, facing)


def _between(left: Buckets, right: Buckets, mask: int) -> Iterator[tuple[int, int]]:
    for value, bucket in left.items():
        if facing := right.get(value ^ mask):
            yield from product(bucket, facing)
