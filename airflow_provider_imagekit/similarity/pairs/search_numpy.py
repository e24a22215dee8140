"""Search for near pairs with NumPy; :mod:`~.search` selects it."""

from __future__ import annotations

from array import array
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.similarity.pairs.chunks import steps_of
from airflow_provider_imagekit.similarity.pairs.pairs import CROWD, Pairs, Tally, packed, too_many_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from airflow_provider_imagekit.similarity.pairs.chunks import Chunk

    Hashes = NDArray[np.uint64]
    Positions = NDArray[np.integer[Any]]
    #: Positions in the first and in the second table, and the xor of the two hashes.
    Hits = tuple[Positions, Positions, Hashes]

__all__ = ["find_pairs"]

# Rows that are compared at once; their arrays fit in the processor's cache.
_ROWS = 1 << 16
# Pairs to collect before those of crowds are dropped.
_KEPT = 1 << 19


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
    rows = np.asarray(first, dtype=np.uint64)
    columns = None if second is None else np.asarray(second, dtype=np.uint64)
    found: list[Hits] = []
    total, limit = 0, _KEPT
    for hits in _near_hits(rows, columns, chunks, radius, part):
        found.append(hits)
        total += len(hits[0])
        if tallies:
            _count(hits, tallies, counts)
        if tallies and total > min(limit, max_pairs):
            found = [_without_crowds(found, tallies)]
            total = len(found[0][0])
            limit = 2 * total + _KEPT
        if total > max_pairs:
            raise too_many_pairs(max_pairs, radius)
    if tallies and found:
        found = [_without_crowds(found, tallies)]
    if not found:
        return Pairs(array("q"), array("q"), array("B"))
    row, column, difference = (np.concatenate(part) for part in zip(*found, strict=True))
    if columns is None:
        row, column = np.minimum(row, column), np.maximum(row, column)
    order = np.lexsort((column, row))
    return Pairs(
        packed("q", row[order]), packed("q", column[order]), packed("B", np.bitwise_count(difference[order]))
    )


def _count(hits: Hits, tallies: tuple[Tally, Tally], counts: list[int] | None) -> None:
    row, column, difference = hits
    first, second = tallies
    of_row, of_column = np.asarray(first.carriers)[row], np.asarray(second.carriers)[column]
    np.add.at(np.asarray(first.near), row, of_column)
    np.add.at(np.asarray(second.near), column, of_row)
    if counts is not None:
        added = np.bincount(np.bitwise_count(difference), weights=of_row * of_column)
        for distance, number in enumerate(added.tolist()):
            counts[distance] += int(number)


def _without_crowds(found: list[Hits], tallies: tuple[Tally, Tally]) -> Hits:
    row, column, difference = (np.concatenate(part) for part in zip(*found, strict=True))
    first, second = tallies
    kept = (np.asarray(first.near)[row] <= CROWD) | (np.asarray(second.near)[column] <= CROWD)
    return row[kept], column[kept], difference[kept]


def _near_hits(
    first: Hashes, second: Hashes | None, chunks: tuple[Chunk, ...], radius: int, part: tuple[int, int]
) -> Iterator[Hits]:
    steps = steps_of(chunks, part)
    tracked = track("Searching", steps, len(steps), unit="steps")
    for number, of_chunk in groupby(tracked, key=itemgetter(0)):
        yield from _hits_of_chunk(first, second, chunks[: number + 1], (mask for _, mask in of_chunk), radius)


def _hits_of_chunk(
    first: Hashes, second: Hashes | None, chunks: tuple[Chunk, ...], masks: Iterator[int], radius: int
) -> Iterator[Hits]:
    """Yield the pairs that the last of these chunks finds and no earlier one; then its buckets are freed."""
    *before, chunk = chunks
    left = _Buckets(first, chunk)
    right = left if second is None else _Buckets(second, chunk)
    for mask in masks:
        for row, column, difference in _compare(left, right, mask, radius):
            fresh = ~_found_before(difference, before)
            if fresh.any():
                yield left.order.take(row[fresh]), right.order.take(column[fresh]), difference[fresh]


class _Buckets:
    """Hashes sorted by their value of a chunk."""

    def __init__(self, hashes: Hashes, chunk: Chunk) -> None:
        values = _chunk_values(hashes, chunk)
        self.order = np.argsort(values, kind="stable")
        self.hashes = hashes[self.order]
        self.values = values[self.order].astype(np.int32)
        sizes = np.bincount(self.values, minlength=1 << chunk.width)
        self.starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)


def _chunk_values(hashes: Hashes, chunk: Chunk) -> NDArray[Any]:
    values = (hashes >> np.uint64(chunk.shift)) & np.uint64((1 << chunk.width) - 1)
    return values.astype(np.uint16 if chunk.width <= 16 else np.uint32)


def _facing(left: _Buckets, right: _Buckets, mask: int) -> Iterator[tuple[Positions, Positions, list[int]]]:
    """
    Yield some rows of ``left``, those with the most partners first; the position in ``right`` where the
    partners of each begin; and the number of rows that have a first partner, a second one and so on.
    """
    highest = 1 << (mask.bit_length() - 1) if left is right and mask else 0
    for begin in range(0, len(left.values), _ROWS):
        values = left.values[begin : begin + _ROWS].astype(np.int64)  # once, not in each ``take``
        # Two buckets are compared once, from the one without the mask's highest bit.
        rows = np.flatnonzero((values & highest) == 0) if highest else np.arange(len(values))
        partners = values.take(rows) ^ mask
        rows += begin
        # Within a bucket, a row's partners are the rows after it.
        starts = rows + 1 if left is right and not mask else right.starts.take(partners).astype(np.int64)
        counts = right.starts.take(partners + 1) - starts
        smallest = counts.astype(np.min_scalar_type(counts.max(initial=0)))  # small types sort faster
        order = smallest.argsort(kind="stable")[::-1]
        ends = len(rows) - np.bincount(counts).cumsum()
        yield rows.take(order), starts.take(order), ends[:-1].tolist()


def _compare(left: _Buckets, right: _Buckets, mask: int, radius: int) -> Iterator[Hits]:
    for rows, starts, ends in _facing(left, right, mask):
        hashes, hits, waiting = left.hashes.take(rows), [], 0
        for place, end in enumerate(ends):
            columns = starts[:end] + place
            differences = right.hashes.take(columns)  # faster than an index in brackets
            differences ^= hashes[:end]
            (near,) = (np.bitwise_count(differences) <= radius).nonzero()
            if len(near):
                hits.append((rows.take(near), columns.take(near), differences.take(near)))
                waiting += len(near)
            # In a crowd, nearly all rows are near each other.
            if waiting > _ROWS or (hits and place == len(ends) - 1):
                row, column, difference = map(np.concatenate, zip(*hits, strict=True))
                yield row, column, difference
                hits, waiting = [], 0


def _found_before(differences: Hashes, chunks: Sequence[Chunk]) -> NDArray[np.bool_]:
    found = np.zeros(len(differences), dtype=bool)
    for chunk in chunks:
        found |= np.bitwise_count(_chunk_values(differences, chunk)) <= chunk.budget
    return found
