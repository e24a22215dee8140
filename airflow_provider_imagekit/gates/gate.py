"""A gate, shared by sensor and operators: a picture, its reference, and the distances that match."""

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

#: Names of the arguments of :meth:`PHashGate.parse`, which sensor and operators have, too.
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

#: Reads the bank of a file, without some hashes.
LoadBank = Callable[[BankFile, frozenset[PHash]], PHashBank]


@dataclass(frozen=True, slots=True)
class PHashGate:
    """
    What a gate asks: whether the distance of a picture to another, or to the nearest of many, is in bounds.

    :param image: the picture.
    :param reference: what it is compared with.
    :param bounds: the distances that match.
    :param low_information: hashes besides zero that cannot be decided on.
    :param max_matches: list no more matches than this of a bank.
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
        Read a gate from rendered arguments; ``None`` and blank texts count as absent.

        :param file_id: id of a file in the media library; exactly one of ``file_id``, ``url``, ``phash``.
        :param url: address of the picture.
        :param phash: hash of the picture.
        :param reference_file_id: id of the reference; exactly one of the four with ``reference_``.
        :param reference_url: address of the reference.
        :param reference_phash: hash of the reference, or a list of hashes.
        :param reference_bank: path of a file of hashes.
        :param bank_id_column: column of the bank's names.
        :param bank_phash_column: column of the bank's hashes.
        :param max_distance: largest distance that matches: 0 to 64 or a name of
            :data:`~airflow_provider_imagekit.similarity.distance.LEVELS`.
        :param min_distance: smallest distance that matches.
        :param low_information: hashes besides zero that cannot be decided on: a list, or a text with commas.
        :param max_matches: how many matches of a list or bank to name, from 0.
        :raises ImageKitInputError: if a picture is named not at all or twice, a hash is malformed or zero, or
            something cannot be read.
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
        """Whether all hashes are literal: then the verdict never changes and waiting is for nothing."""
        return self.image.fixed and self.reference.fixed

    def arguments(self) -> dict[str, Any]:
        """Return plain JSON from which :meth:`parse` reads an equal gate; of a bank its path alone."""
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
        Return a gate with the picture's hash in the picture's place; itself if the picture has none.

        :param get_phash: as for :meth:`check`.
        """
        phash = _ask("picture", self.image, get_phash)
        return self if phash is None else replace(self, image=ImageRef(ImageKind.PHASH, str(phash)))

    def check(
        self, get_phash: Callable[..., PHash | None], load_bank: LoadBank | None = None
    ) -> Verdict | BankVerdict:
        """
        Ask for the hashes that are not literal, the picture's first, and judge.

        :param get_phash: called with ``file_id=`` or ``url=``, once for each picture; what it raises passes
            through. If it returns ``None`` (no pHash), the verdict is undecidable.
        :param load_bank: called with a file of hashes and the hashes to leave out; needed for such a gate.
        """
        if isinstance(self.reference, ImageRef):
            phash = _ask("picture", self.image, get_phash)
            same = self.reference == self.image
            reference = phash if same else _ask("reference", self.reference, get_phash)
            return judge(phash, reference, self.bounds, low_information=self.low_information)
        bank = self._bank(load_bank)  # before the picture costs a request
        return judge_against(
            _ask("picture", self.image, get_phash),
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


def _ask(side: str, image: ImageRef, get_phash: Callable[..., PHash | None]) -> PHash | None:
    try:
        return image.resolve(get_phash)
    except ImageKitError as error:
        raise error.about(side) from error.__cause__
