"""The hook: creates a client from an Airflow Connection."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.per_process import per_process
from airflow_provider_imagekit.client.rate_limit import account_rate_limiter
from airflow_provider_imagekit.client.retry import RetryLimits, TaskLimits
from airflow_provider_imagekit.client.settings import key_masks, password_of
from airflow_provider_imagekit.client.writes import Writes
from airflow_provider_imagekit.compat import (
    AirflowNotFoundException,
    BaseHook,
    get_async_connection,
    get_async_extra_dejson,
    mask_secret,
)
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitError,
    ImageKitRateLimitError,
)
from airflow_provider_imagekit.hooks.connection import client_settings, unknown_fields, uses_login
from airflow_provider_imagekit.provider_info import CONNECTION_TYPE

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.client.settings import ClientSettings
    from airflow_provider_imagekit.compat import Connection
    from airflow_provider_imagekit.phash import PHash

__all__ = ["ImageKitHook"]

log = logging.getLogger(__name__)

# Maximum seconds that the Test button of the form waits in total.
_TEST_WAIT = 5.0


def _client_class() -> type[ImageKitClient]:
    """Import the client when a task needs it: it imports requests, which would slow down DAG parsing."""
    from airflow_provider_imagekit.client.client import ImageKitClient

    return ImageKitClient


@per_process
def _shared_client(settings: ClientSettings) -> ImageKitClient:
    """Return one client for equal settings, so that all triggers of a process share its sockets."""
    airflow = f"apache-airflow/{importlib.metadata.version('apache-airflow')}"
    return _client_class()(
        settings,
        rate_limiter=account_rate_limiter(settings),
        write_rate_limiter=account_rate_limiter(settings, writes=True),
        user_agent=airflow,
    )


@functools.lru_cache(maxsize=256)
def _warn_once(imagekit_conn_id: str, warning: str) -> None:
    """Log a warning once per process: a sensor reads its connection at every check."""
    log.warning("Connection %r: %s", imagekit_conn_id, warning)


@contextmanager
def _helpful_if_missing(imagekit_conn_id: str) -> Iterator[None]:
    """Add help to the error for a missing Connection; Airflow's retries depend on its class, which stays."""
    try:
        yield
    except AirflowNotFoundException:
        raise AirflowNotFoundException(
            f"imagekit_conn_id is {imagekit_conn_id!r:.100}: there is no such Airflow Connection. Create one "
            f"of the type {CONNECTION_TYPE['connection-type']} in the UI under Admin, or set the environment "
            f"variable AIRFLOW_CONN_{imagekit_conn_id.upper():.100}, or use the id of another."
        ) from None


def _mask(settings: ClientSettings) -> None:
    """Mask secrets that Airflow does not recognize: a key in login, its encodings, passwords in addresses."""
    addresses = (settings.rate_limit_url or "", *(address for _, address in settings.proxies))
    passwords = set(filter(None, map(password_of, addresses)))
    passwords |= {quote(password, safe="") for password in passwords}
    # One call, since each is a message to the supervisor. As few texts as possible, since Airflow compiles
    # the pattern of all secrets again for each of them.
    mask_secret([*key_masks(settings.private_key), *passwords])


class ImageKitHook(Writes, BaseHook):
    """
    Interact with ImageKit. The inherited methods are the writing methods of the client.

    .. seealso:: ImageKit's API reference, https://imagekit.io/docs/api-reference

    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>` with the private key.
    :param request_timeout: maximum seconds until a response has arrived completely; ``None`` for the
        Connection's ``timeout``.
    :param max_retries: maximum retries of a request; ``None`` for the Connection's ``max_retries``.
    :param max_calls: maximum requests that this hook may send, including retries; ``None`` for no maximum.
    """

    conn_name_attr = "imagekit_conn_id"
    default_conn_name = "imagekit_default"
    conn_type = CONNECTION_TYPE["connection-type"]
    hook_name = CONNECTION_TYPE["hook-name"]

    #: Creates the client from settings; tests replace it to inject a clock.
    client_of: Callable[[ClientSettings], ImageKitClient] = staticmethod(_shared_client)

    def __init__(
        self,
        imagekit_conn_id: str = default_conn_name,
        *,
        request_timeout: float | None = None,
        max_retries: int | None = None,
        max_calls: int | None = None,
    ) -> None:
        super().__init__()
        self.imagekit_conn_id = imagekit_conn_id
        self.limits = TaskLimits(timeout=request_timeout, max_retries=max_retries, max_calls=max_calls)
        self._client: ImageKitClient | None = None
        self._account: str | None = None

    @property
    def account(self) -> str:
        """The account's name in asset URIs: its URL endpoint, or else the id of the Airflow Connection."""
        if self._account is None:
            extra = self.get_connection(self.imagekit_conn_id).extra_dejson
            self._account = str(extra.get("url_endpoint") or self.imagekit_conn_id)
        return self._account

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the standard fields of the form, for Airflow before 3.2."""
        behaviour = CONNECTION_TYPE["ui-field-behaviour"]
        return {
            "hidden_fields": behaviour["hidden-fields"],
            "relabeling": behaviour["relabeling"],
            "placeholders": behaviour["placeholders"],
        }

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the custom fields of the form, for Airflow before 3.2."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import PasswordField, StringField

        widgets = {}
        for name, field in CONNECTION_TYPE["conn-fields"].items():
            secret = field["schema"].get("format") == "password"
            kind, widget = (
                (PasswordField, BS3PasswordFieldWidget) if secret else (StringField, BS3TextFieldWidget)
            )
            widgets[name] = kind(field["label"], description=field["description"], widget=widget())
        return widgets

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return an Airflow Connection; the error for a missing one explains how to create it."""
        with _helpful_if_missing(conn_id):
            return super().get_connection(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """Return an Airflow Connection as :meth:`get_connection` does; Airflow 3.1 and later call it."""
        with _helpful_if_missing(conn_id):
            return await super().aget_connection(conn_id)

    def get_conn(self, *, refresh: bool = False) -> ImageKitClient:
        """
        Return the client. All hooks of the process with the same settings share it.

        :param refresh: read the Airflow Connection again; if it is unchanged, the same client is returned.
        :raises ImageKitConfigurationError: if a field of the Airflow Connection is invalid.
        """
        if self._client is None or refresh:
            settings = self._settings(self.get_connection(self.imagekit_conn_id))
            if isinstance(settings, ImageKitConfigurationError):
                raise settings
            _mask(settings)
            return self._connected(settings)
        return self._client

    async def aget_conn(self, *, refresh: bool = False) -> ImageKitClient:
        """Return the client as :meth:`get_conn` does, without blocking the event loop of a triggerer."""
        if self._client is None or refresh:
            settings = await self._async_settings()
            if isinstance(settings, ImageKitConfigurationError):
                raise settings
            await asyncio.to_thread(_client_class)
            # In a thread: Airflow blocks here until its supervisor responds, and the event loop reads that.
            await asyncio.to_thread(_mask, settings)
            return self._connected(settings)
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """List one file; return whether ImageKit accepted the key, and a message for the form."""
        try:
            client = self.get_conn()
            client.call(endpoints.list_files(limit=1), limits=RetryLimits(max_retries=0, max_wait=_TEST_WAIT))
        except ImageKitRateLimitError as error:
            if error.status is None:  # no request was sent
                return False, f"The private key was not tested: {error}"
            return True, "ImageKit accepts the private key. (The account is over its rate limit right now.)"
        except ImageKitError as error:
            return False, str(error)
        return True, f"{client.base_url} accepts the private key."

    def get_file_metadata(self, file_id: str) -> dict[str, Any]:
        """
        Return the metadata of a file of the media library.

        :param file_id: ImageKit's id of the file.
        :return: ImageKit's object with its own names; every key can be absent.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata = self.get_conn().get_file_metadata(file_id)
        self._add_lineage("input", file_id=file_id)
        return metadata

    def get_remote_url_metadata(self, url: str) -> dict[str, Any]:
        """
        Return the metadata of the picture behind a delivery URL, after the transformation in the URL if any.

        :param url: an address below one of the account's URL endpoints.
        :return: as :meth:`get_file_metadata`.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        metadata = self.get_conn().get_remote_url_metadata(url)
        self._add_lineage("input", url=url)
        return metadata

    def get_phash(self, *, file_id: str | None = None, url: str | None = None) -> PHash:
        """
        Return the perceptual hash of a picture, named by exactly one of ``file_id`` and ``url``.

        :raises MissingPHashError: if the file has no hash, such as a video.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        phash = self.get_conn().get_phash(file_id=file_id, url=url)
        self._add_lineage("input", url=url, file_id=file_id)
        return phash

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
        Yield the files and folders of the media library, across all pages.

        :param search_query: ImageKit's search language; with it, ``type`` has no effect.
        :param path: a folder, without its subfolders.
        :param type: ``file`` (the default), ``file-version``, ``folder`` or ``all``.
        :param file_type: ``all`` (the default), ``image`` or ``non-image``.
        :param sort: such as ``ASC_CREATED`` (the default), ``DESC_UPDATED``, ``ASC_NAME``.
        :param limit: maximum files to yield; ``None`` for all.
        :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
        """
        listed = self.get_conn().list_files(
            search_query=search_query, path=path, type=type, file_type=file_type, sort=sort, limit=limit
        )
        self._add_lineage("input", path=path)
        return listed

    def find_file(self, path: str) -> dict[str, Any]:
        """
        Return a file of the media library by its path.

        :param path: such as ``/folder/picture.jpg``.
        :return: the file as the listing has it: ``fileId``, ``url``, ``width``, ``updatedAt`` …
        :raises ImageKitNotFoundError: if there is no such file.
        """
        found = self.get_conn().find_file(path)
        self._add_lineage("input", path=path)
        return found

    def call(self, request: endpoints.Request, *, limits: RetryLimits | None = None) -> Any:
        """
        Send a request, retry it within the limits, and return the decoded response.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints` or of
            :mod:`airflow_provider_imagekit.client.changes`.
        :param limits: limits of the retries; by default those of the Airflow Connection.
        :raises ImageKitError: the error of the last attempt.
        """
        response = self.get_conn().call(request, limits=limits)
        if request.writes and isinstance(response, dict) and "filePath" in response:
            self._add_lineage("output", path=response["filePath"])
        return response

    def _add_lineage(self, direction: str, *, url: str | None = None, **file: str | None) -> None:
        """Report a file or folder as read or written to Airflow's lineage. Errors must not fail the task."""
        with suppress(Exception):
            collector = compat.get_hook_lineage_collector()
            if type(collector).__name__ == "NoOpCollector":
                return
            kind = "asset" if compat.AIRFLOW_3 else "dataset"
            # Airflow calls the provider's factory, create_asset.
            of_asset = {"url": url} if url is not None else {"account": self.account, **file}
            add = getattr(collector, f"add_{direction}_{kind}")
            add(context=self, scheme="imagekit", **{f"{kind}_kwargs": of_asset})

    def _connected(self, settings: ClientSettings) -> ImageKitClient:
        shared = self.client_of(settings)
        shared.follow_settings(self.imagekit_conn_id)
        if self._client is None or self._client.origin is not shared.origin:
            self._client = shared.limited(self.limits)
        return self._client

    async def _async_settings(self) -> ClientSettings | ImageKitConfigurationError:
        connection = await get_async_connection(self.imagekit_conn_id, hook=self)
        return self._settings(connection, await get_async_extra_dejson(connection))

    def _settings(
        self, connection: Connection, extra: dict[str, Any] | None = None
    ) -> ClientSettings | ImageKitConfigurationError:
        """Return errors instead of raising them: a traceback with locals would show the key and passwords."""
        if uses_login(connection):
            self.log.warning(
                "Connection %r has its private key in login, which Airflow does not mask; "
                "move it to password.",
                self.imagekit_conn_id,
            )
        fields = connection.extra_dejson if extra is None else extra
        for warning in unknown_fields(fields):
            _warn_once(self.imagekit_conn_id, warning)
        try:
            return client_settings(connection, fields)
        except ImageKitConfigurationError as error:
            return error.with_traceback(None)
