"""How a picture is named, and what it is held against: another picture, a list of hashes, a file of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.verdict import is_low_information

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MAX_LISTED",
    "BankFile",
    "HashList",
    "ImageKind",
    "ImageRef",
    "parse_low_information",
    "parse_reference",
]

#: Most hashes of a list: a trigger keeps them in Airflow's database while it waits.
MAX_LISTED: Final = 1000


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
        kind, value = _the_one_given({f"{prefix}{kind}": value for kind, value in offered.items()})
        return _picture(prefix, ImageKind(kind.removeprefix(prefix)), value)

    @property
    def fixed(self) -> bool:
        """Whether the hash is literal, so that it cannot change."""
        return self.kind is ImageKind.PHASH

    def arguments(self, prefix: str = "") -> dict[str, Any]:
        """Return the argument that names it, as plain JSON."""
        return {f"{prefix}{self.kind}": self.value}

    def resolve(self, get_phash: Callable[..., PHash | None]) -> PHash | None:
        """Return the literal hash, or ask for it by ``file_id=`` or ``url=``."""
        return PHash.parse(self.value) if self.fixed else get_phash(**{self.kind.value: self.value})

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class HashList:
    """
    A few pictures, by their hashes.

    :param phashes: 16 digits each; the names of their pictures, too.
    """

    phashes: tuple[str, ...]
    fixed = True

    def arguments(self) -> dict[str, Any]:
        """Return the argument that names them, as plain JSON."""
        return {"reference_phash": list(self.phashes)}

    def __str__(self) -> str:
        return f"the nearest of {len(self.phashes)} hashes"


@dataclass(frozen=True, slots=True)
class BankFile:
    """
    Many pictures: a file of hashes, which may change.

    :param path: where it is, as Airflow's ``ObjectStoragePath`` reads it.
    :param id_column: column of the pictures' names; blank for the usual ones.
    :param phash_column: column of the hashes; blank for the usual ones.
    """

    path: str
    id_column: str = ""
    phash_column: str = ""
    fixed = False

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that name it, as plain JSON."""
        columns = {"bank_id_column": self.id_column, "bank_phash_column": self.phash_column}
        return {"reference_bank": self.path, **{name: value for name, value in columns.items() if value}}

    def __str__(self) -> str:
        return f"the nearest in {self.path}"


def parse_reference(
    *, file_id: object, url: object, phash: object, bank: object, id_column: object, phash_column: object
) -> ImageRef | HashList | BankFile:
    """
    Read what a picture is held against.

    :param file_id: id of a file in the media library; exactly one of this and the next three.
    :param url: address of a picture.
    :param phash: a hash, or several: a list, or a text with commas.
    :param bank: path of a file of hashes.
    :param id_column: column of the bank's names.
    :param phash_column: column of the bank's hashes.
    :raises ImageKitInputError: for anything else.
    """
    offered = {
        "reference_file_id": file_id,
        "reference_url": url,
        "reference_phash": phash,
        "reference_bank": bank,
    }
    kind, value = _the_one_given(offered)
    if kind == "reference_bank":
        columns = ("" if _is_absent(name) else str(name) for name in (id_column, phash_column))
        return BankFile(_text(kind, value), *columns)
    if kind == "reference_phash" and (not isinstance(value, str) or "," in value):
        return HashList(tuple(str(phash) for phash in _phashes(value, kind, most=MAX_LISTED)))
    return _picture("reference_", ImageKind(kind.removeprefix("reference_")), value)


def parse_low_information(values: object) -> frozenset[PHash]:
    """
    Read the argument ``low_information``: the hashes besides zero that cannot be decided on.

    :param values: a list, or a text with commas; blank entries (pictures without a hash) are passed over.
    :raises ImageKitInputError: if it is neither.
    :raises InvalidPHashError: if a hash is malformed.
    """
    return frozenset(_phashes(values or (), "low_information"))


def _phashes(values: object, name: str, *, most: int | None = None) -> list[PHash]:
    if isinstance(values, str):
        values = values.split(",")
    if not isinstance(values, Iterable) or isinstance(values, dict | bytes):
        raise ImageKitInputError(
            f"{name} is {type(values).__name__}.",
            help="Pass a hash, a list of hashes, or a text with commas.",
        )
    texts = [value.strip() if isinstance(value, str) else value for value in values]
    phashes = [PHash.parse(value) for value in texts if not _is_absent(value)]
    if most is not None and len(phashes) > most:
        raise ImageKitInputError(
            f"{name} lists {len(phashes):,} hashes; {most:,} are the most.",
            help="Write them to a file (.jsonl, .csv, .parquet) and name it as reference_bank.",
        )
    return phashes


def _the_one_given(offered: dict[str, object]) -> tuple[str, object]:
    given = [name for name, value in offered.items() if not _is_absent(value)]
    if len(given) != 1:
        got = " and ".join(given) or "none of them"
        raise ImageKitInputError(f"Exactly one of {', '.join(offered)} is needed; got {got}.")
    return given[0], offered[given[0]]


def _picture(prefix: str, kind: ImageKind, value: object) -> ImageRef:
    name = f"{prefix}{kind}"
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # native rendering makes a number of a text of digits alone
    return ImageRef(kind, _literal(name, value) if kind is ImageKind.PHASH else _text(name, value))


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ImageKitInputError(f"{name} must be a text, not {type(value).__name__}.")
    return value


def _literal(name: str, value: object) -> str:
    phash = PHash.parse(value)  # type: ignore[arg-type]  # it refuses what is no text
    if is_low_information(phash):
        raise ImageKitInputError(
            f"{name} is all zeros: the hash of a black or transparent picture.",
            help="It says nothing about likeness; pass the pHash of a picture with content.",
        )
    return str(phash)
