"""All pairs of hashes within a radius: exact, and the same with and without NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import note
from airflow_provider_imagekit.similarity.pairs.chunks import plan_chunks
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS, Pairs, Tally, use_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join"]

# From so many hashes on, a search without NumPy takes seconds, and soon hours.
_LARGE = 20_000
_HINT = (
    "NumPy 2 is not installed; with it this search is about ten times faster. Install "
    "airflow-provider-imagekit[numpy] on the workers."
)


def join(
    first: Sequence[int],
    second: Sequence[int] | None = None,
    *,
    radius: int,
    max_pairs: int = MAX_PAIRS,
    tallies: tuple[Tally, Tally] | None = None,
    counts: list[int] | None = None,
    part: tuple[int, int] = (0, 1),
) -> Pairs:
    """
    Find every pair of hashes within a radius.

    :param first: 64-bit hashes, each once (see
        :class:`~airflow_provider_imagekit.similarity.pairs.pairs.DistinctHashes`).
    :param second: hashes to pair the first ones with, each once; ``None`` pairs the first among themselves.
    :param radius: the largest distance, 0 to 64.
    :param max_pairs: refuse to return more.
    :param tallies: of the first and of the second hashes (twice the same among themselves); then pairs of two
        crowded hashes may be left out of the answer.
    :param counts: pairs of pictures at each distance from 0 to 64, to which all found pairs are added; needs
        ``tallies``.
    :param part: which part of the search to do, as
        :func:`~airflow_provider_imagekit.similarity.pairs.chunks.steps_of` takes it; all of it unless given.
    :return: positions in ``first`` and ``second``; among themselves, the smaller position stands first.
    :raises ImageKitInputError: if there are more than ``max_pairs``.
    """
    chunks = plan_chunks(len(first), None if second is None else len(second), radius)
    if use_numpy():
        from airflow_provider_imagekit.similarity.pairs.search_numpy import find_pairs
    else:
        if len(first) + len(second or ()) >= _LARGE:
            note(_HINT)
        from airflow_provider_imagekit.similarity.pairs.search_python import find_pairs
    return find_pairs(first, second, chunks, radius, max_pairs, tallies, counts, part)
