"""The methods of the client that read: metadata, perceptual hashes and listings."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.pagination import identity, pages
from airflow_provider_imagekit.client.retry import Caller
from airflow_provider_imagekit.exceptions import ImageKitInputError, ImageKitNotFoundError, MissingPHashError
from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.limits import RetryLimits

__all__ = ["Reads"]


class Reads(Caller):
    """The reading half of :class:`~airflow_provider_imagekit.client.ImageKitClient`."""

    def get_file_metadata(self, file_id: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return the metadata of a file of the media library.

        :param file_id: ImageKit's id of the file.
        :param limits: how often to repeat the request; by default as the client's settings say.
        :return: ImageKit's object with its own names: ``width``, ``height``, ``size``, ``format``, ``pHash``,
            ``exif`` …; every key can be absent.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata: dict[str, Any] = self.call(endpoints.file_metadata(file_id), limits=limits)
        return metadata

    def get_remote_url_metadata(self, url: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return the metadata behind a delivery URL of the account.

        :param url: an address below one of the account's URL endpoints, unencoded or encoded as in a browser.
            With a transformation, the metadata is that of the transformed picture.
        :param limits: how often to repeat the request; by default as the client's settings say.
        :return: as :meth:`get_file_metadata`.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata: dict[str, Any] = self.call(endpoints.remote_url_metadata(url), limits=limits)
        return metadata

    def get_phash(
        self, *, file_id: str | None = None, url: str | None = None, limits: RetryLimits | None = None
    ) -> PHash:
        """
        Return the perceptual hash of a picture, named by exactly one of ``file_id`` and ``url``.

        :param file_id: ImageKit's id of the file.
        :param url: a delivery URL of the account.
        :param limits: how often to repeat the request; by default as the client's settings say.
        :raises MissingPHashError: if the file has none, as a video.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        if (file_id is None) == (url is None):
            raise ImageKitInputError("Pass exactly one of file_id and url.")
        if file_id is not None:
            metadata, name = self.get_file_metadata(file_id, limits=limits), f"File {file_id}"
        else:
            metadata = self.get_remote_url_metadata(str(url), limits=limits)
            name = f"The file at {endpoints.mask_signature(str(url))}"
        if not metadata.get("pHash"):
            kind = metadata.get("mimeType") or metadata.get("format") or metadata.get("videoCodec")
            raise MissingPHashError(
                f"{name} has no pHash{f' ({kind})' if kind else ''}.",
                help="ImageKit computes one for raster images only; videos and some vector files have none.",
            )
        return PHash.parse(metadata["pHash"])

    def list_files(
        self,
        *,
        search_query: str | None = None,
        path: str | None = None,
        type: str | None = None,  # noqa: A002 - ImageKit's own name for it
        file_type: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Yield the files and folders of the media library, over as many pages as there are.

        The listing has no ``pHash`` and no EXIF; those cost one metadata call a file. A file that moves to
        another page while the listing goes on is yielded, and once; see
        :mod:`airflow_provider_imagekit.client.pagination`.

        :param search_query: ImageKit's search language; with it, ``type`` counts for nothing.
        :param path: a folder, without its subfolders.
        :param type: ``file`` (the default), ``file-version``, ``folder`` or ``all``.
        :param file_type: ``all`` (the default), ``image`` or ``non-image``.
        :param sort: such as ``ASC_CREATED`` (the default), ``DESC_UPDATED``, ``ASC_NAME``.
        :param limit: maximum files to yield; ``None`` for all.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """

        def fetch(skip: int, page_size: int) -> list[dict[str, Any]]:
            page: list[dict[str, Any]] = self.call(
                endpoints.list_files(
                    search_query=search_query,
                    path=path,
                    type=type,
                    file_type=file_type,
                    sort=sort,
                    skip=skip,
                    limit=page_size,
                )
            )
            return page

        if limit == 0:
            return
        seen = set[str]()
        for page in pages(
            fetch, size=endpoints.MAX_PAGE if limit is None else min(endpoints.MAX_PAGE, limit)
        ):
            for item in page.items:
                if identity(item) not in seen:
                    seen.add(identity(item))
                    yield item
                if len(seen) == limit:
                    return

    def find_file(self, path: str) -> dict[str, Any]:
        """
        Return a file of the media library by its path, since people know paths and the API asks for ids.

        :param path: such as ``/folder/picture.jpg``; its folder is listed, page by page. An accent may stand
            beside its letter or be one with it (NFD, NFC).
        :return: the file as the listing has it: ``fileId``, ``url``, ``width``, ``updatedAt`` …
        :raises ImageKitInputError: if the path has control characters or half a character.
        :raises ImageKitNotFoundError: if there is none.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        wanted = endpoints.parse_text(f"/{path.strip().lstrip('/')}", "path")
        alike: dict[str, Any] | None = None
        # macOS writes an accent beside its letter, Linux and the web write both as one: the same name.
        composed, apart = (unicodedata.normalize(form, wanted) for form in ("NFC", "NFD"))
        for folder in dict.fromkeys(map(posixpath.dirname, (wanted, composed, apart))):
            for file in self.list_files(path=folder):
                there = str(file.get("filePath"))
                if there == wanted:
                    return file
                if alike is None and unicodedata.normalize("NFC", there) == composed:
                    alike = file
            if alike is not None:
                return alike
        raise ImageKitNotFoundError(
            f"There is no {wanted} in the media library.",
            help="Paths are case-sensitive; a file that was just uploaded can take a moment to appear.",
        )
