"""Split a search into parts that share only files: the hashes to compare, and the pairs of each part."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain, compress
from typing import IO, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.phash import PHASH_BITS
from airflow_provider_imagekit.similarity.pairs.pairs import (
    DistinctHashes,
    Pairs,
    Tally,
    sorted_positions,
    too_many_pairs,
)
from airflow_provider_imagekit.similarity.pairs.search import join

__all__ = ["MergedSearch", "search_part", "write_hashes"]

# Columns of one search: three of its pairs, and two of each side's nodes with near pictures.
_COLUMNS = 7

# Values to read at a time, so that a column is never in memory twice.
_READ = 1 << 20


def write_hashes(file: IO[bytes], new: Sequence[int], old: Sequence[int]) -> None:
    """
    Write the input of every part of a search: the distinct hashes, and the number of pictures with each.

    :param file: opened for writing bytes.
    :param new: hashes of the new pictures.
    :param old: hashes of the old pictures.
    """
    tables = [DistinctHashes(hashes) for hashes in (new, old)]
    _write(file, {}, [column for one in tables for column in (one.hashes, one.tally(of_new=False).carriers)])


def search_part(
    hashes: IO[bytes], file: IO[bytes], *, radius: int, max_pairs: int, part: tuple[int, int]
) -> int:
    """
    Run one part of a search, and return the number of pairs of distinct hashes that it found.

    :param hashes: the file that :func:`write_hashes` wrote.
    :param file: opened for writing bytes; the pairs are written to it.
    :param radius: maximum distance, in bits.
    :param max_pairs: maximum number of pairs.
    :param part: number of the part, from 0, and the number of parts.
    :raises ImageKitInputError: if there are more than ``max_pairs``.
    """
    _, (new, new_carriers, old, old_carriers) = _read(hashes)
    columns: list[array[int]] = []
    counts = []
    for second, carriers in ((None, new_carriers), (old, old_carriers)):
        first_tally, second_tally = _tally(new_carriers), _tally(array("q") if second is None else carriers)
        tallies = (first_tally, first_tally if second is None else second_tally)
        counts.append([0] * (PHASH_BITS + 1))
        pairs = join(
            new, second, radius=radius, max_pairs=max_pairs, tallies=tallies, counts=counts[-1], part=part
        )
        columns += [
            pairs.first,
            pairs.second,
            pairs.distance,
            *_near_nodes(first_tally),
            *_near_nodes(second_tally),
        ]
    digests = [_digest(new, new_carriers), _digest(old, old_carriers)]
    _write(file, {"part": part, "radius": radius, "digests": digests, "counts": counts}, columns)
    return len(columns[0]) + len(columns[_COLUMNS])


def _tally(carriers: array[int]) -> Tally:
    return Tally(carriers, array("q", bytes(8 * len(carriers))))


def _near_nodes(tally: Tally) -> tuple[array[int], array[int]]:
    """Return the nodes for which a search found near pictures, and the number of these pictures."""
    return array("q", compress(range(len(tally.near)), tally.near)), array("q", filter(None, tally.near))


def _add_near(tally: Tally, nodes: array[int], near: array[int]) -> None:
    for node, number in zip(nodes, near, strict=True):
        tally.near[node] += number


class MergedSearch:
    """
    The merged result of a search in parts; it replaces
    :func:`~airflow_provider_imagekit.similarity.pairs.search.join`.

    :param files: the files that :func:`search_part` wrote, opened for reading bytes.
    :raises ImageKitInputError: if a part is missing or belongs to another search.
    """

    def __init__(self, files: Iterable[IO[bytes]]) -> None:
        self._parts = [_read(file) for file in files]
        numbers = sorted(tuple(head["part"]) for head, _ in self._parts)
        if not numbers or numbers != [(number, len(numbers)) for number in range(len(numbers))]:
            raise ImageKitInputError(
                f"The parts are {numbers!r:.200} (number, number of parts).",
                help="Pass the results of all parts of one plan, each once.",
            )

    def __call__(
        self,
        first: Sequence[int],
        second: Sequence[int] | None = None,
        *,
        radius: int,
        max_pairs: int,
        tallies: tuple[Tally, Tally],
        counts: list[int],
    ) -> Pairs:
        """
        Return the pairs that the parts found.

        :raises ImageKitInputError: if the parts searched other hashes or another radius, or found too many
            pairs.
        """
        search = 0 if second is None else 1
        digest = _digest(first if second is None else second, tallies[1].carriers)
        columns: list[list[array[int]]] = []
        for head, all_columns in self._parts:
            if head["digests"][search] != digest or head["radius"] != radius:
                raise ImageKitInputError(
                    "The parts were searched with other pictures or another radius than this task's.",
                    help="Plan, search and merge with the same arguments, and do not change the tables.",
                )
            own = all_columns[_COLUMNS * search : _COLUMNS * (search + 1)]
            for distance, number in enumerate(head["counts"][search]):
                counts[distance] += number
            _add_near(tallies[0], *own[3:5])
            _add_near(tallies[1], *own[5:7])
            columns.append(own[:3])
        return _sorted(columns, tallies, radius, max_pairs)


def _sorted(
    columns: list[list[array[int]]], tallies: tuple[Tally, Tally], radius: int, max_pairs: int
) -> Pairs:
    """Return the pairs of all parts, without those of crowds, sorted by their positions."""
    parts = list(zip(*columns, strict=True))
    one, other, distance = (array(code, chain(*part)) for code, part in zip("qqB", parts, strict=True))
    kept = bytes(
        not (tallies[0].is_crowded(a) and tallies[1].is_crowded(b)) for a, b in zip(one, other, strict=True)
    )
    one, other, distance = (array(part.typecode, compress(part, kept)) for part in (one, other, distance))
    if len(one) > max_pairs:
        raise too_many_pairs(max_pairs, radius)
    order = sorted_positions(other)
    by_second = array("q", map(one.__getitem__, order))
    order = array("q", map(order.__getitem__, sorted_positions(by_second)))
    one, other, distance = (array(p.typecode, map(p.__getitem__, order)) for p in (one, other, distance))
    return Pairs(one, other, distance)


def _digest(*columns: Sequence[int]) -> int:
    digest = 0
    for column in columns:
        digest = zlib.crc32(memoryview(column), digest)  # type: ignore[arg-type]
    return digest


def _write(file: IO[bytes], head: dict[str, Any], columns: Sequence[array[int]]) -> None:
    file.write(json_line(head | {"columns": [[column.typecode, len(column)] for column in columns]}))
    for column in columns:
        file.write(memoryview(column))


def _read(file: IO[bytes]) -> tuple[dict[str, Any], list[array[int]]]:
    try:
        head = json.loads(file.readline())
        columns = [array(code) for code, _ in head["columns"]]
        for column, (_, length) in zip(columns, head["columns"], strict=True):
            for begin in range(0, length, _READ):
                column.frombytes(file.read(min(_READ, length - begin) * column.itemsize))
            if len(column) != length:
                raise ValueError("it is truncated")
    except (ValueError, KeyError, TypeError) as error:
        raise ImageKitInputError(f"This is not a file of a search in parts: {error}.") from error
    return head, columns
