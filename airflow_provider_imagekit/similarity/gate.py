"""A gate, shared by sensor and trigger: a picture, the one it is held against, the distances that match."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.distance import DistanceBounds
from airflow_provider_imagekit.similarity.verdict import Verdict, is_low_information, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["ImageKind", "ImageRef", "PHashGate"]


class ImageKind(StrEnum):
    """How a picture is named; each is also the name of the argument."""

    FILE_ID = "file_id"
    URL = "url"
    PHASH = "phash"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """
    A picture, named in one of three ways; never guessed from the look of a text.

    :param kind: how it is named.
    :param value: file id or address as given, or the 16 digits of the hash.
    """

    kind: ImageKind
    value: str

    @classmethod
    def parse(cls, prefix: str = "", *, file_id: object, url: object, phash: object) -> ImageRef:
        """
        Read the one that is given.

        :param prefix: what stands before the arguments' names in errors.
        :param file_id: id of a file in the media library.
        :param url: address of a picture.
        :param phash: 1 to 16 hexadecimal digits.
        :raises ImageKitInputError: unless exactly one is given (``None`` and blank texts are not), or if the
            hash is malformed or zero.
        """
        offered = {ImageKind.FILE_ID: file_id, ImageKind.URL: url, ImageKind.PHASH: phash}
        given = {kind: value for kind, value in offered.items() if not _is_absent(value)}
        if len(given) != 1:
            names = ", ".join(f"{prefix}{kind}" for kind in ImageKind)
            got = " and ".join(f"{prefix}{kind}" for kind in given) or "none of them"
            raise ImageKitInputError(f"Exactly one of {names} is needed; got {got}.")
        [(kind, value)] = given.items()
        if kind is ImageKind.PHASH:
            return cls(kind, _literal(f"{prefix}{kind}", value))
        if not isinstance(value, str):
            raise ImageKitInputError(f"{prefix}{kind} must be a text, not {type(value).__name__}.")
        return cls(kind, value)

    @property
    def fixed(self) -> bool:
        """Whether the hash is literal, so that it cannot change."""
        return self.kind is ImageKind.PHASH

    def resolve(self, get_phash: Callable[..., PHash | None]) -> PHash | None:
        """Return the literal hash, or ask for it by ``file_id=`` or ``url=``."""
        return PHash.parse(self.value) if self.fixed else get_phash(**{self.kind.value: self.value})

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class PHashGate:
    """
    What a gate asks: whether the distance of two pictures is within bounds.

    :param image: the picture.
    :param reference: the picture that it is held against.
    :param bounds: the distances that match.
    """

    image: ImageRef
    reference: ImageRef
    bounds: DistanceBounds

    @classmethod
    def parse(
        cls,
        *,
        file_id: object = None,
        url: object = None,
        phash: object = None,
        reference_file_id: object = None,
        reference_url: object = None,
        reference_phash: object = None,
        max_distance: object = None,
        min_distance: object = None,
    ) -> PHashGate:
        """
        Read a gate from rendered arguments; ``None`` and blank texts count as absent.

        :param file_id: id of a file in the media library; exactly one of ``file_id``, ``url``, ``phash``.
        :param url: address of the picture.
        :param phash: hash of the picture.
        :param reference_file_id: id of the reference; exactly one of the three with ``reference_``.
        :param reference_url: address of the reference.
        :param reference_phash: hash of the reference.
        :param max_distance: largest distance that matches: 0 to 64 or a name of
            :data:`~airflow_provider_imagekit.similarity.distance.LEVELS`.
        :param min_distance: smallest distance that matches.
        :raises ImageKitInputError: if a picture is named not at all or twice, a hash is malformed or zero, or
            the bounds cannot be read.
        """
        return cls(
            ImageRef.parse(file_id=file_id, url=url, phash=phash),
            ImageRef.parse("reference_", file_id=reference_file_id, url=reference_url, phash=reference_phash),
            DistanceBounds.parse(max_distance, min_distance),
        )

    @property
    def fixed(self) -> bool:
        """Whether both hashes are literal: then the verdict never changes and waiting is for nothing."""
        return self.image.fixed and self.reference.fixed

    def arguments(self) -> dict[str, str | int]:
        """Return plain JSON from which :meth:`parse` reads an equal gate."""
        arguments: dict[str, str | int] = {
            self.image.kind.value: self.image.value,
            f"reference_{self.reference.kind}": self.reference.value,
        }
        if self.bounds.max_distance is not None:
            arguments["max_distance"] = self.bounds.max_distance
        if self.bounds.min_distance is not None:
            arguments["min_distance"] = self.bounds.min_distance
        return arguments

    def check(
        self,
        get_phash: Callable[..., PHash | None],
        *,
        low_information: Collection[PHash] = frozenset(),
    ) -> Verdict:
        """
        Ask for the hashes that are not literal, the picture's first, and judge.

        :param get_phash: called with ``file_id=`` or ``url=``, once for each picture; what it raises passes
            through. If it returns ``None`` (no pHash), the verdict is undecidable.
        :param low_information: hashes besides zero that cannot be decided on.
        """
        phash = self.image.resolve(get_phash)
        reference = phash if self.reference == self.image else self.reference.resolve(get_phash)
        return judge(phash, reference, self.bounds, low_information=low_information)

    def __str__(self) -> str:
        return f"distance of {self.image} to {self.reference} {self.bounds}"


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _literal(name: str, value: object) -> str:
    phash = PHash.parse(value)  # type: ignore[arg-type]  # it refuses what is no text
    if is_low_information(phash):
        raise ImageKitInputError(
            f"{name} is all zeros: the hash of a black or transparent picture.",
            help="It says nothing about likeness; pass the pHash of a picture with content.",
        )
    return str(phash)
