"""Client of one ImageKit account, with retries and rate limits; independent of Airflow."""

from __future__ import annotations

import copy
import posixpath
import random
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.pagination import identity, pages
from airflow_provider_imagekit.client.rate_limit import RateLimiter, account_rate_limiter
from airflow_provider_imagekit.client.retry import RateLimitStats, Retrying, RetryLimits, TaskLimits
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.client.transport import Transport, check_base_url
from airflow_provider_imagekit.client.writes import Writes
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitError,
    ImageKitInputError,
    ImageKitNotFoundError,
    MissingPHashError,
)
from airflow_provider_imagekit.phash import PHash

__all__ = ["ImageKitClient"]

# Jitter from the operating system differs even between tasks that were forked together or seed `random`.
_SYSTEM_RANDOM = random.SystemRandom()


class ImageKitClient(Writes):
    """
    Sends requests for one ImageKit account; safe to share between threads.

    :param settings: the account's private key, or
        :class:`~airflow_provider_imagekit.client.settings.ClientSettings`.
    :param user_agent: text to add after this package's name in the ``User-Agent`` header.
    :param rate_limiter: the rate limiter; by default the one shared by all clients of the account, which then
        follows these settings.
    :param write_rate_limiter: the rate limiter of requests that write, which have a separate rate.
    :param sleep: waits for a number of seconds between tries.
    :param jitter: returns random numbers from 0 to 1.
    :param fields: fields of the settings by name, such as ``base_url`` or ``requests_per_second``; they
        override those of ``settings``.
    """

    base_url = ""

    def __init__(
        self,
        settings: str | ClientSettings | None = None,
        *,
        user_agent: str = "",
        rate_limiter: RateLimiter | None = None,
        write_rate_limiter: RateLimiter | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = _SYSTEM_RANDOM.random,
        **fields: Any,
    ) -> None:
        if isinstance(settings, ClientSettings):
            settings = replace(settings, **fields)
        else:
            key: dict[str, Any] = {} if settings is None else {"private_key": settings}
            settings = ClientSettings(**key, **fields)
            del key
        del fields  # a traceback with locals would show the key
        try:
            self.base_url = check_base_url(settings.base_url, allow_http=settings.allow_http)
        except ImageKitConfigurationError as error:
            raise error.with_traceback(None) from None
        self.limits = RetryLimits(settings.max_retries, settings.max_wait)
        self.requests_per_second = settings.requests_per_second
        self.drop_personal_data = settings.drop_personal_data
        self.writes_per_second = settings.writes_per_second
        self._transport = Transport(settings, self.base_url, user_agent)
        self._settings = settings
        self._rate_limiter = rate_limiter or account_rate_limiter(settings)
        self._write_rate_limiter = write_rate_limiter or account_rate_limiter(settings, writes=True)
        if rate_limiter is None:
            self.follow_settings("")
        self.rate_limit_stats = RateLimitStats()
        self._calls = Retrying(
            self._transport, self._rate_limiter, self.rate_limit_stats, sleep=sleep, jitter=jitter
        )
        self._write_calls = Retrying(
            self._transport, self._write_rate_limiter, self.rate_limit_stats, sleep=sleep, jitter=jitter
        )
        self.sleep = sleep
        self.task_limits = TaskLimits()

    def __repr__(self) -> str:
        return f"ImageKitClient({self.base_url})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow_settings(self, source: str) -> None:
        """
        Apply the rates of this client's settings to the account's rate limiters.

        :param source: where the settings come from, such as the id of an Airflow Connection; they replace the
            earlier settings of the same source.
        """
        settings = self._settings
        self._rate_limiter.follow(source, settings.requests_per_second, settings.rate_limit_url)
        self._write_rate_limiter.follow(source, settings.writes_per_second, settings.rate_limit_url)

    def limited(self, task_limits: TaskLimits) -> Self:
        """
        Return a client with the limits of a task; it shares sockets, rate limiters and requests in flight.

        :param task_limits: limits for all calls of the returned client together.
        """
        if not task_limits:
            return self
        limited = copy.copy(self)
        limited.task_limits = task_limits
        return limited

    @property
    def origin(self) -> object:
        """Identity that this client shares with all clients derived from it by :meth:`limited`."""
        return self._transport

    def close(self) -> None:
        """Close the pooled sockets; the client opens new ones if it is used again."""
        self._transport.close()

    def call(self, request: endpoints.Request, *, limits: RetryLimits | None = None) -> Any:
        """
        Send a request, retry it within the limits, and return the decoded response.

        If an identical read is in flight in another thread, both calls share its response.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints` or of
            :mod:`airflow_provider_imagekit.client.changes`.
        :param limits: limits of the retries; by default those of the client's settings.
        :raises UnknownOutcomeError: if a write that must not be repeated got no usable response.
        :raises ImageKitError: the last try's error.
        """
        calls = self._write_calls if request.writes else self._calls
        try:
            return calls.call(request, self.task_limits.for_call(limits or self.limits))
        except ImageKitError as error:
            if not request.subject:
                raise
            raise error.about(request.subject) from error.__cause__

    def get_file_metadata(self, file_id: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return the metadata of a file of the media library.

        :param file_id: ImageKit's id of the file.
        :param limits: limits of the retries; by default those of the client's settings.
        :return: ImageKit's metadata object: ``width``, ``height``, ``size``, ``format``, ``pHash``,
            ``exif`` …; every key may be absent.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata: dict[str, Any] = self.call(endpoints.file_metadata(file_id), limits=limits)
        return metadata

    def get_remote_url_metadata(self, url: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return the metadata behind a delivery URL of the account.

        :param url: a URL below one of the account's URL endpoints, unencoded or encoded as in a browser.
            With a transformation, the metadata is that of the transformed picture.
        :param limits: limits of the retries; by default those of the client's settings.
        :return: as :meth:`get_file_metadata`.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata: dict[str, Any] = self.call(endpoints.remote_url_metadata(url), limits=limits)
        return metadata

    def get_phash(
        self, *, file_id: str | None = None, url: str | None = None, limits: RetryLimits | None = None
    ) -> PHash:
        """
        Return the perceptual hash of a picture, identified by exactly one of ``file_id`` and ``url``.

        :param file_id: ImageKit's id of the file.
        :param url: a delivery URL of the account.
        :param limits: limits of the retries; by default those of the client's settings.
        :raises MissingPHashError: if the file has none, for example a video.
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
        Yield the files and folders of the media library from all pages of the listing.

        The listing has no ``pHash`` and no EXIF; those require one metadata call per file. A file that moves
        to another page during the listing is yielded exactly once; see
        :mod:`airflow_provider_imagekit.client.pagination`.

        :param search_query: a query in ImageKit's search language; ``type`` is then ignored.
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
        Return the file at a path of the media library; the API itself expects file ids.

        :param path: such as ``/folder/picture.jpg``; the folder is listed page by page. Accented letters may
            be composed (NFC) or decomposed (NFD).
        :return: the file as in the listing: ``fileId``, ``url``, ``width``, ``updatedAt`` …
        :raises ImageKitInputError: if the path has control characters or an unpaired surrogate.
        :raises ImageKitNotFoundError: if there is no such file.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        requested = endpoints.parse_text(f"/{path.strip().lstrip('/')}", "path")
        equivalent: dict[str, Any] | None = None
        # macOS decomposes accented letters (NFD); Linux and the web compose them (NFC). It is the same name.
        composed, decomposed = (unicodedata.normalize(form, requested) for form in ("NFC", "NFD"))
        for folder in dict.fromkeys(map(posixpath.dirname, (requested, composed, decomposed))):
            for file in self.list_files(path=folder):
                file_path = str(file.get("filePath"))
                if file_path == requested:
                    return file
                if equivalent is None and unicodedata.normalize("NFC", file_path) == composed:
                    equivalent = file
            if equivalent is not None:
                return equivalent
        raise ImageKitNotFoundError(
            f"There is no {requested} in the media library.",
            help="Paths are case-sensitive; a file that was just uploaded can take a moment to appear.",
        )
