"""Judge two pictures as similar, different or undecidable; every gate uses this verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_imagekit.phash import PHash
    from airflow_provider_imagekit.similarity.distance import DistanceBounds

__all__ = ["Decision", "Verdict", "is_low_information", "judge"]


class Decision(StrEnum):
    """Decision about two pictures."""

    SIMILAR = "similar"
    DIFFERENT = "different"
    UNDECIDABLE = "undecidable"


def is_low_information(phash: PHash, skip: Collection[PHash] = frozenset()) -> bool:
    """
    Return whether a hash carries too little information about its picture to compare it.

    Black and fully transparent pictures hash to zero. Other flat pictures hash to rounding noise, which no
    rule can distinguish from a real hash. List those of your library in ``skip``.

    :param phash: the hash.
    :param skip: hashes that are low-information in addition to zero.
    """
    return phash.bits == 0 or phash in skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Result of comparing a picture with another.

    :param decision: similar, different or undecidable, independent of ``matched``.
    :param matched: whether the distance is within the bounds; false if undecidable.
    :param distance: 0 to 64 bits; ``None`` if undecidable.
    :param similarity: ``1 - distance / 64``; ``None`` if undecidable.
    :param phash: hash of the picture; ``None`` if it has none.
    :param reference_phash: hash of the picture that it was compared with; ``None`` if it has none.
    :param reason: one sentence for the log.
    """

    decision: Decision
    matched: bool
    distance: int | None
    similarity: float | None
    phash: PHash | None
    reference_phash: PHash | None
    reason: str

    def as_xcom(self) -> dict[str, Any]:
        """Return matched, distance, similarity and the two hashes as plain JSON."""
        return {
            "matched": self.matched,
            "distance": self.distance,
            "similarity": self.similarity,
            "phash": _text(self.phash),
            "reference_phash": _text(self.reference_phash),
        }


def judge(
    phash: PHash | None,
    reference: PHash | None,
    bounds: DistanceBounds,
    *,
    low_information: Collection[PHash] = frozenset(),
) -> Verdict:
    """
    Compare a picture with another.

    Pictures are similar if their distance is at most ``max_distance``, or below ``min_distance`` if only that
    is given. So with ``min_distance`` alone, a picture that is different matches.

    :param phash: hash of the picture; ``None`` if it has none (videos, some vector files).
    :param reference: hash of the picture to compare it with; ``None`` if it has none.
    :param bounds: the distances that match.
    :param low_information: hashes that are undecidable, in addition to zero (see :func:`is_low_information`).
    """
    doubt = _doubt("picture", phash, low_information) or _doubt("reference", reference, low_information)
    if doubt or phash is None or reference is None:
        return Verdict(
            decision=Decision.UNDECIDABLE,
            matched=False,
            distance=None,
            similarity=None,
            phash=phash,
            reference_phash=reference,
            reason=doubt,
        )
    distance = phash.distance(reference)
    matched = bounds.contains(distance)
    return Verdict(
        decision=Decision.SIMILAR if distance <= bounds.radius else Decision.DIFFERENT,
        matched=matched,
        distance=distance,
        similarity=phash.similarity(reference),
        phash=phash,
        reference_phash=reference,
        reason=f"The distance is {distance} of 64 bits, "
        f"{'within' if matched else 'outside'} the bounds ({bounds}).",
    )


def _doubt(name: str, phash: PHash | None, low_information: Collection[PHash]) -> str:
    if phash is None:
        return f"The {name} has no pHash: ImageKit computes none for videos and some vector files."
    if is_low_information(phash, low_information):
        return f"The pHash {phash} of the {name} is that of a flat picture, which cannot be compared."
    return ""


def _text(phash: PHash | None) -> str | None:
    return None if phash is None else str(phash)
