"""Parse distances as users write them (numbers, numeric texts, named levels), and bounds made of two."""

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

#: Named distances, in bits of 64, and the copies that ``python -m benchmarks.phash_levels`` finds with them:
#:
#: * ``identical`` 0: the same hash; finds 54 % of re-encoded, resized or toned copies.
#: * ``strict`` 4: finds 97 % of such copies; recommended for collections above 50,000 pictures.
#: * ``near_duplicate`` 8: finds all such copies, and 65 % of those with a small crop, rotation or mark. No
#:   pair of different photographs was this near.
#: * ``review`` 12: finds 81 % of those with small edits. In a large collection some unrelated pairs are this
#:   near by chance, so a person should review the result.
#:
#: No distance reliably finds a mirrored picture, a quarter turn, a border of 4 % or a crop of 5 % a side.
LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"identical": 0, "strict": 4, "near_duplicate": 8, "review": 12}
)

#: The largest radius accepted without ``force``. Among crops of different photographs, one pair in 6,000 is
#: this near; their median distance is 32.
MAX_RADIUS: Final = 16


def parse_distance(value: object, name: str = "distance") -> int | None:
    """
    Parse a distance in any form that a template renders to.

    :param value: a whole number, such a number as text, or a name of :data:`LEVELS`. ``None``
        and blank texts mean "not given".
    :param name: the argument's name, for the error.
    :return: 0 to 64 bits, or ``None`` if not given.
    :raises ImageKitInputError: for any other value.
    """
    if is_absent(value):
        return None
    return whole_number(value, name, most=PHASH_BITS, words=LEVELS)


def check_radius(radius: object, name: str, *, force: bool = False) -> int:
    """
    Parse the radius of a gate or search, within which every picture counts as similar.

    :param radius: in any form that :func:`parse_distance` accepts.
    :param name: the argument's name, for the error.
    :param force: accept a radius above :data:`MAX_RADIUS`, at which unrelated pictures match by chance.
    :return: 0 to 64 bits.
    :raises ImageKitInputError: if it is missing, invalid, or too large without ``force``.
    """
    number = parse_distance(radius, name)
    if number is None:
        raise ImageKitInputError(f"{name} is missing.", help='Pass a number such as 8, or "near_duplicate".')
    if number > MAX_RADIUS and not force:
        raise ImageKitInputError(
            f"{name} is {number} bits; at this distance unrelated pictures count as similar.",
            help=f"They are 16 bits or more apart: use {MAX_RADIUS} or less, or pass force=True.",
        )
    return number


@dataclass(frozen=True, slots=True)
class DistanceBounds:
    """
    The distances that match: at most ``max_distance``, at least ``min_distance``, or both; inclusive.

    Unrelated pictures are about 32 bits apart, so bounds may go up to 64.

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
        Parse bounds in any form that a template renders to.

        :param max_distance: in any form that :func:`parse_distance` accepts.
        :param min_distance: likewise.
        :raises ImageKitInputError: if one is invalid, both are absent, or no distance can match.
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
        """Largest distance that counts as similar: ``max_distance``, or else ``min_distance - 1``."""
        return self.max_distance if self.max_distance is not None else (self.min_distance or 0) - 1

    def __str__(self) -> str:
        parts = []
        if self.min_distance is not None:
            parts.append(f"at least {self.min_distance}")
        if self.max_distance is not None:
            parts.append(f"at most {self.max_distance}")
        return " and ".join(parts)
