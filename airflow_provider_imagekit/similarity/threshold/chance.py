"""Estimate the chance that unrelated pictures are within a radius."""

from __future__ import annotations

from math import comb, exp, lgamma, log
from typing import TYPE_CHECKING, Final

from airflow_provider_imagekit.phash import PHASH_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fair_chance", "fitted_chance", "hard_chance"]

# Share of pairs of unrelated pictures within a radius, measured by ``python -m benchmarks.phash_levels`` on
# crops of different photographs. Many show brick, grass or gravel, so these are upper estimates for a library
# of pictures with a subject.
_HARD: Final = {4: 8.1e-8, 6: 3.2e-7, 8: 1.3e-6, 10: 3.9e-6, 12: 1.3e-5, 16: 1.6e-4}

# Smaller distances may be those of real duplicates.
_BULK: Final = 17


def fair_chance(radius: int) -> float:
    """Return the chance that two sets of 64 random bits differ in at most ``radius``: a lower bound."""
    return sum(comb(PHASH_BITS, distance) for distance in range(radius + 1)) / 2.0**PHASH_BITS


def hard_chance(radius: int) -> float:
    """
    Return the measured chance that unrelated pictures of a hard set are within a radius: an upper estimate.

    :param radius: 0 to 16; between and below the measured radii, the logarithm is interpolated linearly.
    """
    known = sorted(_HARD)
    right = next((index for index, at in enumerate(known) if at >= radius and index), len(known) - 1)
    low, high = known[right - 1], known[right]
    slope = (log(_HARD[high]) - log(_HARD[low])) / (high - low)
    return exp(log(_HARD[low]) + slope * (radius - low))


def fitted_chance(histogram: Sequence[int], radius: int) -> float:
    """
    Return the chance that two such pictures are within a radius, estimated from the spread of distances.

    A beta-binomial distribution is fitted to the mean and the variance of the distances from 17 up, which
    are those of unrelated pictures. It is wider if the library's pictures have something in common, such as a
    background or a layout. It does not cover pairs that are similar for another reason.

    :param histogram: number of pairs at each distance from 0 to 64.
    :param radius: 0 to 64.
    """
    total = sum(histogram[_BULK:])
    if not total:
        return fair_chance(radius)
    mean = sum(distance * count for distance, count in enumerate(histogram) if distance >= _BULK) / total
    variance = (
        sum((distance - mean) ** 2 * count for distance, count in enumerate(histogram) if distance >= _BULK)
        / total
    )
    share = mean / PHASH_BITS
    # From 0 (independent bits) to 1 (all bits are equal).
    correlation = (variance / (PHASH_BITS * share * (1 - share)) - 1) / (PHASH_BITS - 1) if share < 1 else 0.0
    if correlation <= 0:
        return sum(
            comb(PHASH_BITS, distance) * share**distance * (1 - share) ** (PHASH_BITS - distance)
            for distance in range(radius + 1)
        )
    strength = 1 / correlation - 1
    alpha, beta = share * strength, (1 - share) * strength
    return sum(
        exp(
            log(comb(PHASH_BITS, distance))
            + _log_beta(distance + alpha, PHASH_BITS - distance + beta)
            - _log_beta(alpha, beta)
        )
        for distance in range(radius + 1)
    )


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
