"""Distances as users write them (numbers, numeric texts, named levels), and bounds made of two of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_imagekit.arguments import is_absent, whole_number
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHASH_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "MAX_RADIUS", "DistanceBounds", "check_radius", "parse_distance"]

#: Named distances, in bits of 64, and what ``python -m benchmarks.phash_levels`` finds with them:
#:
#: * ``identical`` 0: the very same hash; 54 % of re-encoded, resized or toned copies are found.
#: * ``strict`` 4: 97 % of such copies; the choice for collections above 50,000 pictures.
#: * ``near_duplicate`` 8: all of such copies, and 65 % of those with a small crop, turn or mark. No pair of
#:   different photographs came so near.
#: * ``review`` 12: 81 % of those with small edits; in a large collection chance alone gives pairs so near,
#:   so a person should look.
#:
#: No distance finds a mirrored picture, a quarter turn, a border of 4 % or a crop of 5 % a side reliably.
LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"identical": 0, "strict": 4, "near_duplicate": 8, "review": 12}
)

#: The largest radius by which something may be called similar: crops of different photographs come as near as
#: that in one pair of 6,000, and lie at 32 in the median.
MAX_RADIUS: Final = 16


def parse_distance(value: object, name: str = "distance") -> int | None:
    """
    Read a distance in any form that a template yields.

    :param value: a whole number, a text of one, or a name of :data:`LEVELS`. ``None``
        and blank texts mean "not given".
    :param name: the argument's name, for the error.
    :return: 0 to 64, or ``None`` if not given.
    :raises ImageKitInputError: for anything else.
    """
    if is_absent(value):
        return None
    return whole_number(value, name, most=PHASH_BITS, words=LEVELS)


def check_radius(radius: object, name: str, *, force: bool = False) -> int:
    """
    Read the radius of a gate or search that calls everything within it similar.

    :param radius: as :func:`parse_distance` reads it.
    :param name: the argument's name, for the error.
    :param force: accept a radius above :data:`MAX_RADIUS`, where unrelated pictures match by chance.
    :return: 0 to 64.
    :raises ImageKitInputError: if it is missing, unreadable, or too large and not forced.
    """
    number = parse_distance(radius, name)
    if number is None:
        raise ImageKitInputError(f"{name} is missing.", help='Pass a number such as 8, or "near_duplicate".')
    if number > MAX_RADIUS and not force:
        raise ImageKitInputError(
            f"{name} is {number} bits, which calls unrelated pictures similar.",
            help=f"They lie 16 bits and more apart: stay at {MAX_RADIUS} or below, or pass force=True.",
        )
    return number


@dataclass(frozen=True, slots=True)
class DistanceBounds:
    """
    The distances that match: at most ``max_distance``, at least ``min_distance``, or both; inclusive.

    Two unrelated pictures lie near 32 bits apart, so bounds may go up to 64.

    :param max_distance: largest distance that matches; ``None`` for no upper bound.
    :param min_distance: smallest distance that matches; ``None`` for no lower bound.
    """

    max_distance: int | None = None
    min_distance: int | None = None

    def __post_init__(self) -> None:
        if self.max_distance is None and self.min_distance is None:
            raise ImageKitInputError(
                "Neither max_distance nor min_distance is given.",
                help='Pass max_distance to match similar pictures (8, or "near_duplicate"), '
                "min_distance to match different ones, or both.",
            )
        for name in ("max_distance", "min_distance"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not 0 <= value <= PHASH_BITS):
                raise ImageKitInputError(f"{name} is {value!r}; it must be 0 to {PHASH_BITS}.")
        if self.max_distance is not None and (self.min_distance or 0) > self.max_distance:
            raise ImageKitInputError(
                f"No distance is at least {self.min_distance} and at most {self.max_distance}.",
                help="min_distance must not exceed max_distance.",
            )

    @classmethod
    def parse(cls, max_distance: object = None, min_distance: object = None) -> DistanceBounds:
        """
        Read bounds in any form that a template yields.

        :param max_distance: as :func:`parse_distance` reads it.
        :param min_distance: likewise.
        :raises ImageKitInputError: if one is unreadable, both are absent, or no distance can match.
        """
        return cls(
            parse_distance(max_distance, "max_distance"),
            parse_distance(min_distance, "min_distance"),
        )

    def contains(self, distance: int) -> bool:
        """Return whether this distance matches."""
        return (self.max_distance is None or distance <= self.max_distance) and (
            self.min_distance is None or distance >= self.min_distance
        )

    @property
    def radius(self) -> int:
        """Largest distance that means similar: ``max_distance``, or else the one below ``min_distance``."""
        return self.max_distance if self.max_distance is not None else (self.min_distance or 0) - 1

    def __str__(self) -> str:
        parts = []
        if self.min_distance is not None:
            parts.append(f"at least {self.min_distance}")
        if self.max_distance is not None:
            parts.append(f"at most {self.max_distance}")
        return " and ".join(parts)
