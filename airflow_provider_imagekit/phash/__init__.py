"""Perceptual hashes as ImageKit computes them: 64 bits, written as 16 hexadecimal digits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_imagekit.exceptions import InvalidPHashError

__all__ = ["PHASH_BITS", "PHash", "phash_distance", "phash_similarity"]

#: Length of a perceptual hash in bits, and so the largest distance.
PHASH_BITS = 64

_HEX_DIGITS = PHASH_BITS // 4
_PATTERN = re.compile(rf"[0-9a-fA-F]{{1,{_HEX_DIGITS}}}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class PHash:
    """
    One perceptual hash; equal, hashable and ordered by its bits.

    Compare ImageKit's hashes only with each other. The ``imagehash`` library, pHash.org and OpenCV use other
    recipes; their hashes are as far from ImageKit's as those of unrelated pictures.

    :param bits: the 64 bits as an integer.
    """

    bits: int

    def __post_init__(self) -> None:
        if not 0 <= self.bits < 1 << PHASH_BITS:
            raise InvalidPHashError(f"A pHash has {PHASH_BITS} bits; this integer does not fit.")

    @classmethod
    def parse(cls, text: str) -> PHash:
        """
        Parse a hash as ImageKit writes it.

        :param text: 1 to 16 hexadecimal digits in either case. Fewer than 16 are padded with zeros on the
            left, because it is not documented whether ImageKit writes leading zeros.
        :raises InvalidPHashError: for any other value, including blanks, signs and ``0x``.
        """
        value: object = text  # comes from templates and JSON, so it can have any type
        if value is None or value == "":
            raise InvalidPHashError(
                "Missing pHash value.",
                help="Pass the 16 hexadecimal digits of pHash in ImageKit's metadata.",
            )
        if not isinstance(value, str) or not _PATTERN.fullmatch(value):
            shown = repr(value)[:60]
            raise InvalidPHashError(
                f"Invalid pHash value {shown}.",
                help=f"A pHash is 1 to {_HEX_DIGITS} hexadecimal digits, without prefix, sign or blanks.",
            )
        return cls(int(value, 16))

    def distance(self, other: PHash) -> int:
        """Return the number of bits in which the two hashes differ (Hamming distance), 0 to 64."""
        return (self.bits ^ other.bits).bit_count()

    def similarity(self, other: PHash) -> float:
        """
        Return ``1 - distance / 64``: 1.0 for equal hashes, about 0.5 for unrelated pictures.

        This is the formula that ImageKit documents for its metadata API.
        """
        return 1 - self.distance(other) / PHASH_BITS

    def __sub__(self, other: PHash) -> int:
        return self.distance(other)

    def __str__(self) -> str:
        return f"{self.bits:0{_HEX_DIGITS}x}"


def phash_distance(first: str, second: str) -> int:
    """
    Return the Hamming distance of two hashes as ImageKit writes them: 0 (equal) to 64.

    >>> phash_distance("f06830ca9f1e3e90", "2222222222222222")
    30

    :param first: a hash in any form that :meth:`PHash.parse` accepts.
    :param second: another one.
    :raises InvalidPHashError: if one of them is not a 64-bit hash.
    """
    return PHash.parse(first).distance(PHash.parse(second))


def phash_similarity(first: str, second: str) -> float:
    """
    Return ``1 - distance / 64`` of two hashes as ImageKit writes them.

    >>> phash_similarity("63433b3ccf8e1ebe", "f5d2226cd9d32b16")
    0.578125

    :param first: a hash in any form that :meth:`PHash.parse` accepts.
    :param second: another one.
    :raises InvalidPHashError: if one of them is not a 64-bit hash.
    """
    return PHash.parse(first).similarity(PHash.parse(second))
