"""Find all pairs of hashes within a radius, exactly; NumPy only makes it faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import note
from airflow_provider_imagekit.similarity.pairs.chunks import plan_chunks
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS, Pairs, Tally, use_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join"]

# From this number of hashes on, a search without NumPy takes seconds, and soon hours.
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

    :param first: distinct 64-bit hashes (see
        :class:`~airflow_provider_imagekit.similarity.pairs.pairs.DistinctHashes`).
    :param second: distinct hashes to pair the first with; ``None`` pairs the first with each other.
    :param radius: maximum distance, 0 to 64 bits.
    :param max_pairs: maximum number of pairs to return.
    :param tallies: of the first and of the second hashes (the same one twice if ``second`` is ``None``). If
        given, pairs of two crowded hashes may be missing from the result.
    :param counts: pairs of pictures at each distance from 0 to 64, to which all found pairs are added; needs
        ``tallies``.
    :param part: the part of the search to run, as for
        :func:`~airflow_provider_imagekit.similarity.pairs.chunks.steps_of`; by default the whole search.
    :return: positions in ``first`` and ``second``; if ``second`` is ``None``, the smaller position is first.
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
