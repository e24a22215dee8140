"""References to pictures: a file id, URL or hash, a list of hashes, or a file of hashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from airflow_provider_imagekit.arguments import is_absent, items, optional_text, text
from airflow_provider_imagekit.client.endpoints import parse_file_id, parse_url
from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.verdict import is_low_information

__all__ = [
    "MAX_LISTED",
    "BankFile",
    "HashList",
    "ImageKind",
    "ImageRef",
    "parse_low_information",
    "parse_reference",
]

#: Maximum hashes of a list, since a trigger stores them in Airflow's database while it waits.
MAX_LISTED: Final = 1000


class ImageKind(StrEnum):
    """Kind of a reference to a picture; each value is also the name of the argument."""

    FILE_ID = "file_id"
    URL = "url"
    PHASH = "phash"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """
    A picture, named in one of three ways; the kind is never guessed from the value.

    :param kind: kind of the reference.
    :param value: file id or URL as given, or the 16 digits of the hash.
    """

    kind: ImageKind
    value: str

    @classmethod
    def parse(cls, prefix: str = "", *, file_id: object, url: object, phash: object) -> ImageRef:
        """
        Parse the argument that is given.

        :param prefix: prefix of the arguments' names in errors.
        :param file_id: id of a file in the media library.
        :param url: URL of a picture.
        :param phash: 16 hexadecimal digits.
        :raises ImageKitInputError: unless exactly one is given (``None`` and blank texts count as absent), or
            if the hash is malformed or zero.
        """
        offered = {ImageKind.FILE_ID: file_id, ImageKind.URL: url, ImageKind.PHASH: phash}
        kind, value = _only_given({f"{prefix}{kind}": value for kind, value in offered.items()})
        return _picture(prefix, ImageKind(kind.removeprefix(prefix)), value)

    @property
    def fixed(self) -> bool:
        """Whether the hash is literal, so that it cannot change."""
        return self.kind is ImageKind.PHASH

    def arguments(self, prefix: str = "") -> dict[str, Any]:
        """Return the argument that names the picture, as plain JSON."""
        return {f"{prefix}{self.kind}": self.value}

    def resolve(self, get_phash: Callable[..., PHash | None]) -> PHash | None:
        """Return the literal hash, or request it by ``file_id=`` or ``url=``."""
        return PHash.parse(self.value) if self.fixed else get_phash(**{self.kind.value: self.value})

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class HashList:
    """
    A list of hashes.

    :param phashes: 16 digits each; they are also the names of their pictures.
    """

    phashes: tuple[str, ...]
    fixed = True

    def arguments(self) -> dict[str, Any]:
        """Return the argument that lists the hashes, as plain JSON."""
        return {"reference_phash": list(self.phashes)}

    def __str__(self) -> str:
        return f"the nearest of {counted(len(self.phashes), 'hash', 'hashes')}"


@dataclass(frozen=True, slots=True)
class BankFile:
    """
    A file of hashes, which may change.

    :param path: its path for Airflow's ``ObjectStoragePath``.
    :param id_column: column of the pictures' names; blank for the usual ones.
    :param phash_column: column of the hashes; blank for the usual ones.
    """

    path: str
    id_column: str = ""
    phash_column: str = ""
    fixed = False

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that name the file, as plain JSON."""
        columns = {"bank_id_column": self.id_column, "bank_phash_column": self.phash_column}
        return {"reference_bank": self.path, **{name: value for name, value in columns.items() if value}}

    def __str__(self) -> str:
        return f"the nearest in {self.path}"


def parse_reference(
    *, file_id: object, url: object, phash: object, bank: object, id_column: object, phash_column: object
) -> ImageRef | HashList | BankFile:
    """
    Parse the reference that a picture is compared with.

    :param file_id: id of a file in the media library; exactly one of this and the next three.
    :param url: URL of a picture.
    :param phash: a hash, or several as a list or a text with commas.
    :param bank: path of a file of hashes.
    :param id_column: column of the bank's names.
    :param phash_column: column of the bank's hashes.
    :raises ImageKitInputError: unless exactly one is given and valid.
    """
    offered = {
        "reference_file_id": file_id,
        "reference_url": url,
        "reference_phash": phash,
        "reference_bank": bank,
    }
    kind, value = _only_given(offered)
    if kind == "reference_bank":
        columns = (
            optional_text(id_column, "bank_id_column") or "",
            optional_text(phash_column, "bank_phash_column") or "",
        )
        return BankFile(text(value, kind), *columns)
    if kind == "reference_phash" and _is_list(value):
        return HashList(tuple(str(phash) for phash in _phashes(value, kind, maximum=MAX_LISTED)))
    return _picture("reference_", ImageKind(kind.removeprefix("reference_")), value)


def _is_list(value: object) -> bool:
    if isinstance(value, str):
        return "," in value or value.strip().startswith("[")
    return not isinstance(value, int | float)


def parse_low_information(values: object) -> frozenset[PHash]:
    """
    Parse the argument ``low_information``: the hashes that are undecidable, in addition to zero.

    :param values: a list, or a text with commas; blank entries (pictures without a hash) are skipped.
    :raises ImageKitInputError: if it is neither.
    :raises InvalidPHashError: if a hash is malformed.
    """
    return frozenset(_phashes(values or (), "low_information"))


def _phashes(values: object, name: str, *, maximum: int | None = None) -> list[PHash]:
    listed = [values] if isinstance(values, int) else items(values, name)
    phashes = [_hash(value, name) for value in listed if not is_absent(value)]
    if maximum is not None and len(phashes) > maximum:
        raise ImageKitInputError(
            f"{name} lists {len(phashes):,} hashes; the maximum is {maximum:,}.",
            help="Write them to a file (.jsonl, .csv, .parquet) and pass its path as reference_bank.",
        )
    return phashes


def _only_given(offered: dict[str, object]) -> tuple[str, object]:
    given = [name for name, value in offered.items() if not is_absent(value)]
    if len(given) != 1:
        got = " and ".join(given) or "none of them"
        empty = [name for name, value in offered.items() if value is not None and is_absent(value)]
        why = f" The template of {' and '.join(empty)} gave None." if empty else ""
        raise ImageKitInputError(f"Exactly one of {', '.join(offered)} is needed; got {got}.{why}")
    return given[0], offered[given[0]]


def _picture(prefix: str, kind: ImageKind, value: object) -> ImageRef:
    name = f"{prefix}{kind}"
    return ImageRef(kind, _READERS[kind](text(value, name), name))


def _hash(value: object, name: str) -> PHash:
    """Parse a hash from a user: all 16 digits, since a truncated one would be another hash."""
    digits = text(value, name)
    if len(digits) != PHASH_BITS // 4:
        found = counted(len(digits), "digit")
        raise InvalidPHashError(f"{name} is {digits!r:.60}, which has {found}; a pHash has 16.")
    return PHash.parse(digits)


def _literal(value: object, name: str) -> str:
    phash = _hash(value, name)
    if is_low_information(phash):
        raise ImageKitInputError(
            f"{name} is all zeros: the hash of a black or transparent picture.",
            help="Such pictures cannot be compared; pass the pHash of a picture with content.",
        )
    return str(phash)


_READERS: Final[dict[ImageKind, Callable[[object, str], str]]] = {
    ImageKind.FILE_ID: parse_file_id,
    ImageKind.URL: parse_url,
    ImageKind.PHASH: _literal,
}
