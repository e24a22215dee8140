"""A gate: a picture, its reference, and the distances that match. Sensor and operators share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_provider_imagekit.arguments import named, whole_number
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError
from airflow_provider_imagekit.gates.references import (
    BankFile,
    HashList,
    ImageKind,
    ImageRef,
    parse_low_information,
    parse_reference,
)
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.bank import MAX_MATCHES, BankVerdict, PHashBank, judge_against
from airflow_provider_imagekit.similarity.distance import DistanceBounds
from airflow_provider_imagekit.similarity.verdict import Verdict, judge

__all__ = ["GATE_ARGUMENTS", "LoadBank", "PHashGate"]

#: Names of the arguments of :meth:`PHashGate.parse`, which the sensor and the operators share.
GATE_ARGUMENTS: Final = (
    "file_id",
    "url",
    "phash",
    "reference_file_id",
    "reference_url",
    "reference_phash",
    "reference_bank",
    "bank_id_column",
    "bank_phash_column",
    "max_distance",
    "min_distance",
    "low_information",
    "max_matches",
)

#: Reads the bank of a file, without the given low-information hashes.
LoadBank = Callable[[BankFile, frozenset[PHash]], PHashBank]


@dataclass(frozen=True, slots=True)
class PHashGate:
    """
    Checks whether the distance of a picture from another, or from the nearest of many, is within bounds.

    :param image: the picture.
    :param reference: the picture, hashes or bank to compare it with.
    :param bounds: the distances that match.
    :param low_information: hashes that are undecidable, in addition to zero.
    :param max_matches: maximum number of matches to list from a bank.
    """

    image: ImageRef
    reference: ImageRef | HashList | BankFile
    bounds: DistanceBounds
    low_information: frozenset[PHash] = frozenset()
    max_matches: int = MAX_MATCHES

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
        reference_bank: object = None,
        bank_id_column: object = None,
        bank_phash_column: object = None,
        max_distance: object = None,
        min_distance: object = None,
        low_information: object = (),
        max_matches: object = MAX_MATCHES,
    ) -> PHashGate:
        """
        Parse a gate from rendered arguments; ``None`` and blank texts count as absent.

        :param file_id: id of a file in the media library; exactly one of ``file_id``, ``url``, ``phash``.
        :param url: URL of the picture.
        :param phash: hash of the picture.
        :param reference_file_id: id of the reference; exactly one of the four ``reference_`` arguments.
        :param reference_url: URL of the reference.
        :param reference_phash: hash of the reference, or a list of hashes.
        :param reference_bank: path of a file of hashes.
        :param bank_id_column: column of the bank's names.
        :param bank_phash_column: column of the bank's hashes.
        :param max_distance: largest distance that matches: 0 to 64 or a name of
            :data:`~airflow_provider_imagekit.similarity.distance.LEVELS`.
        :param min_distance: smallest distance that matches.
        :param low_information: hashes that are undecidable, in addition to zero: a list, or a text with
            commas.
        :param max_matches: maximum number of matches from a list or bank to list, 0 or more.
        :raises ImageKitInputError: if a picture is not named exactly once, a hash is malformed or zero, or an
            argument is invalid.
        """
        return cls(
            ImageRef.parse(file_id=file_id, url=url, phash=phash),
            parse_reference(
                file_id=reference_file_id,
                url=reference_url,
                phash=reference_phash,
                bank=reference_bank,
                id_column=bank_id_column,
                phash_column=bank_phash_column,
            ),
            DistanceBounds.parse(max_distance, min_distance),
            parse_low_information(low_information),
            whole_number(max_matches, "max_matches"),
        )

    @property
    def fixed(self) -> bool:
        """Whether all hashes are literal, so that the verdict never changes and waiting is useless."""
        return self.image.fixed and self.reference.fixed

    def arguments(self) -> dict[str, Any]:
        """Return the arguments, as plain JSON, for :meth:`parse`; a bank is given only by its path."""
        reference = self.reference
        optional = {
            "max_distance": self.bounds.max_distance,
            "min_distance": self.bounds.min_distance,
            "low_information": sorted(map(str, self.low_information)) or None,
            "max_matches": None if self.max_matches == MAX_MATCHES else self.max_matches,
        }
        return {
            **self.image.arguments(),
            **(
                reference.arguments("reference_")
                if isinstance(reference, ImageRef)
                else reference.arguments()
            ),
            **{name: value for name, value in optional.items() if value is not None},
        }

    def with_phash(self, get_phash: Callable[..., PHash | None]) -> PHashGate:
        """
        Return the gate with the picture replaced by its hash; itself if the picture has none.

        :param get_phash: as for :meth:`check`.
        """
        phash = _resolve("picture", self.image, get_phash)
        return self if phash is None else replace(self, image=ImageRef(ImageKind.PHASH, str(phash)))

    def check(
        self, get_phash: Callable[..., PHash | None], load_bank: LoadBank | None = None
    ) -> Verdict | BankVerdict:
        """
        Request the hashes that are not literal, the picture's first, and judge them.

        :param get_phash: called with ``file_id=`` or ``url=``, once for each picture; its errors are passed
            on. If it returns ``None`` (no pHash), the verdict is undecidable.
        :param load_bank: called with a file of hashes and the hashes to leave out; required for a gate with a
            bank file.
        """
        if isinstance(self.reference, ImageRef):
            phash = _resolve("picture", self.image, get_phash)
            same = self.reference == self.image
            reference = phash if same else _resolve("reference", self.reference, get_phash)
            return judge(phash, reference, self.bounds, low_information=self.low_information)
        bank = self._bank(load_bank)  # first, since the picture costs a request
        return judge_against(
            _resolve("picture", self.image, get_phash),
            bank,
            self.bounds,
            low_information=self.low_information,
            max_matches=self.max_matches,
        )

    def _bank(self, load_bank: LoadBank | None) -> PHashBank:
        if isinstance(self.reference, HashList):
            return PHashBank.of(self.reference.phashes, low_information=self.low_information)
        if load_bank is None or not isinstance(self.reference, BankFile):
            raise ImageKitInputError(f"{self.reference} cannot be read here.")
        with named("reference_bank"):
            return load_bank(self.reference, self.low_information)

    def __str__(self) -> str:
        return f"distance of {self.image} to {self.reference} {self.bounds}"


def _resolve(side: str, image: ImageRef, get_phash: Callable[..., PHash | None]) -> PHash | None:
    try:
        return image.resolve(get_phash)
    except ImageKitError as error:
        raise error.about(side) from error.__cause__
