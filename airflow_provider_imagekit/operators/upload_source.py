"""Reads the file to upload, derives its name, and compares it with known pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from airflow_provider_imagekit.arguments import named, text
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import (
    ImageKitBadRequestError,
    ImageKitInputError,
    MissingPHashError,
)
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.references import BankFile, parse_low_information
from airflow_provider_imagekit.io.object_storage import address_errors, storage_errors, storage_path
from airflow_provider_imagekit.similarity.bank import PHashBank, judge_against
from airflow_provider_imagekit.similarity.distance import DistanceBounds, check_radius
from airflow_provider_imagekit.similarity.records import HashRecord

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.phash import PHash
    from airflow_provider_imagekit.similarity.bank import BankVerdict

__all__ = ["MAX_FOLDER_PICTURES", "Catalogue", "SourceFile", "read_source", "stored_name", "unique_name"]

#: Maximum number of pictures in a folder to compare with; each costs a metadata call.
MAX_FOLDER_PICTURES: Final = 1000

_TABLE = re.compile(r"\.(jsonl|ndjson|jsonlines|csv|parquet)", re.IGNORECASE)


@dataclass(frozen=True)
class SourceFile:
    """
    A file to upload.

    :param content: its content, or a URL from which ImageKit fetches it.
    :param name: its name.
    """

    content: bytes | str
    name: str

    @property
    def size(self) -> int | None:
        """Size in bytes; ``None`` if ImageKit fetches the file."""
        return len(self.content) if isinstance(self.content, bytes) else None

    def phash(self, client: ImageKitClient) -> PHash | None:
        """
        Return the hash of a picture; ``None`` for other files.

        :param client: fetches the hash of a URL, which must belong to the account.
        :raises ImageKitInputError: if the extra ``pillow`` is missing, or the URL does not belong to the
            account.
        """
        return _hash_of(self.content) if isinstance(self.content, bytes) else _hash_at(self.content, client)


@dataclass(frozen=True)
class Catalogue:
    """
    The pictures to compare a new one with: a table of hashes, or a folder of the media library.

    :param place: path of a table, or of a folder of the media library.
    :param id_column: column of the ids in the table; blank for the default columns.
    :param phash_column: column of the hashes in the table; blank for the default columns.
    :param max_distance: maximum distance of a near-duplicate in bits, 0 to 16, or a level.
    :param low_information: hashes of flat pictures.
    """

    place: str
    id_column: str = ""
    phash_column: str = ""
    max_distance: Any = "near_duplicate"
    low_information: Any = ()

    @cached_property
    def bounds(self) -> DistanceBounds:
        """The distances of near-duplicates."""
        return DistanceBounds(max_distance=check_radius(self.max_distance, "max_distance"))

    @cached_property
    def flat(self) -> frozenset[PHash]:
        """The undecidable hashes."""
        return parse_low_information(self.low_information)

    def check(self) -> None:
        """
        Validate the arguments without a request.

        :raises ImageKitInputError: if one is not valid.
        """
        if not self._is_table and not self.place.startswith("/"):
            raise ImageKitInputError(
                f"duplicate_of is {self.place!r}, which is neither a table nor a folder.",
                help="Pass the path of a .jsonl, .csv or .parquet file, or a folder such as /products.",
            )
        _ = self.bounds, self.flat

    def judge(self, phash: PHash | None, client: ImageKitClient) -> BankVerdict:
        """
        Compare a picture with all pictures of the catalogue.

        :param phash: the picture's hash.
        :param client: fetches the hashes of a folder.
        """
        return judge_against(phash, self._bank(client), self.bounds, low_information=self.flat, max_matches=5)

    @property
    def _is_table(self) -> bool:
        return _TABLE.fullmatch(PurePosixPath(self.place).suffix) is not None

    def _bank(self, client: ImageKitClient) -> PHashBank:
        if self._is_table:
            with named("duplicate_of"):
                return load_bank(BankFile(self.place, self.id_column, self.phash_column), self.flat)
        return PHashBank(_of_folder(self.place, client), low_information=self.flat)


def read_source(file: Any, file_name: str | None) -> SourceFile:
    """
    Read a file.

    :param file: a path on this machine or in a storage, an ``ObjectStoragePath``, bytes, or an http(s) URL.
    :param file_name: its name in the media library; by default the name of the path or URL.
    :raises ImageKitInputError: if the file does not exist or is empty, or bytes have no name.
    :raises StorageError: if a storage does not respond.
    """
    if isinstance(file, bytes | bytearray):
        content, name = bytes(file), file_name
    elif urlsplit(str(file)).scheme.lower() in {"http", "https"}:
        url = text(str(file), "file")
        return SourceFile(url, file_name or _last_part(url))
    else:
        content, name = _stored(file)
    if not content:
        raise ImageKitInputError(
            f"file {name or ''!r} is empty.", help="ImageKit does not accept empty files."
        )
    if not (file_name or name):
        raise ImageKitInputError("file is bytes without a name.", help="Pass file_name.")
    return SourceFile(content, str(file_name or name))


def stored_name(name: str) -> str:
    """Return a name as ImageKit stores it: only letters, digits and ``.-_``; others become ``_``."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"_{cleaned[1:]}" if cleaned.startswith(".") else cleaned


def unique_name(name: str, identity: str) -> str:
    """
    Return a name with a suffix that is unique to a task instance and the same in all of its tries.

    :param name: name of the file.
    :param identity: identity of the task instance.
    """
    path = PurePosixPath(name)
    suffix = hashlib.blake2b(f"{identity}\n{name}".encode(), digest_size=6).hexdigest()
    return f"{path.stem}_{suffix}{path.suffix}"


def _stored(file: Any) -> tuple[bytes, str]:
    is_path = isinstance(file, PurePath | ObjectStoragePath)
    path = file if is_path and hasattr(file, "read_bytes") else storage_path(text(file, "file"), "file")
    with storage_errors(str(path)), address_errors(str(path)), path.open("rb") as stream:
        return stream.read(), str(path.name)


def _last_part(url: str) -> str:
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    if not name:
        raise ImageKitInputError(
            f"file is {mask_signature(url)!r}, whose path names no file.", help="Pass file_name."
        )
    return name


def _hash_of(content: bytes) -> PHash | None:
    try:
        from airflow_provider_imagekit.phash.pictures import phash_of_file
    except ModuleNotFoundError as error:
        raise ImageKitInputError(f"duplicate_of compares pictures. {error}") from error
    try:
        return phash_of_file(content)
    except OSError:  # not a picture
        return None


def _hash_at(url: str, client: ImageKitClient) -> PHash | None:
    try:
        return client.get_phash(url=url)
    except MissingPHashError:
        return None
    except ImageKitBadRequestError as error:
        raise ImageKitInputError(
            f"file is {mask_signature(url)!r}, whose hash ImageKit does not return before the upload: "
            f"{error.message}",
            help="With duplicate_of, a URL must belong to the account. Or download the file first.",
        ) from error


def _of_folder(folder: str, client: ImageKitClient) -> Iterator[HashRecord]:
    files = list(islice(client.list_files(path=folder, file_type="image"), MAX_FOLDER_PICTURES + 1))
    if len(files) > MAX_FOLDER_PICTURES:
        raise ImageKitInputError(
            f"duplicate_of is {folder!r}, which has more than {MAX_FOLDER_PICTURES} pictures.",
            help="Each would cost a request for each upload. Pass a table of LibraryMetadataOperator.",
        )
    for file in files:
        try:
            yield HashRecord(str(file.get("filePath")), client.get_phash(file_id=file["fileId"]))
        except MissingPHashError:
            continue
