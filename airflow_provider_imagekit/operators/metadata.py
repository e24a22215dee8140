"""Operators that fetch the metadata of one picture, and select its fields."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_imagekit.arguments import choice, is_absent, items, meant, optional_text, text
from airflow_provider_imagekit.client.endpoints import EXIF_SECTIONS, METADATA_FIELDS, mask_signature
from airflow_provider_imagekit.compat import AirflowSkipException
from airflow_provider_imagekit.exceptions import ImageKitInputError, ImageKitNotFoundError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.library.table.coerce import as_dict
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from airflow_provider_imagekit.links.imagekit import ImageKitFileLink, ImageKitMediaLibraryLink
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    ImageKitOperator,
    fail_without_retry,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.compat import Context

__all__ = ["FileMetadataOperator", "RemoteUrlMetadataOperator", "parse_privacy", "project"]

# Metadata in the extra of asset events, besides the name of the picture.
_ASSET_EVENT_FIELDS = ("pHash", "width", "height", "size")
_ON_MISSING = ("fail", "skip", "retry")


class _MetadataOperator(ImageKitOperator):
    """Base of both operators, which differ in how they name the picture."""

    #: The argument that names the picture.
    _subject: ClassVar[str]

    def __init__(
        self,
        *,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        fields: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str = (),
        gps: str = GpsPolicy.KEEP.value,
        personal: str = PersonalPolicy.KEEP.value,
        on_missing: str = "fail",
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)
        self.fields = fields
        self.exclude = exclude
        self.gps = gps
        self.personal = personal
        self.on_missing = on_missing

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch the metadata and return the selected fields."""
        self._label(context)
        with fail_without_retry():
            self.on_missing = choice(self.on_missing, "on_missing", _ON_MISSING)
            setattr(self, self._subject, text(getattr(self, self._subject), self._subject))
            privacy = parse_privacy(self.gps, self.personal, self.hook.get_conn())
            self._persist_links(context)
        with fail_without_retry(but=ImageKitNotFoundError if self.on_missing == "retry" else ()):
            metadata = self._fetch_or_skip()
            kept = project(
                privacy.apply_to_metadata(metadata) if privacy else metadata,
                fields=self.fields,
                exclude=self.exclude,
            )
        self.log.info("%s: %s", mask_signature(str(getattr(self, self._subject))), _summary(metadata))
        self._add_picture_event_extra(context, {name: metadata.get(name) for name in _ASSET_EVENT_FIELDS})
        return kept

    @abstractmethod
    def _fetch(self) -> dict[str, Any]:
        """Request the metadata from ImageKit."""

    @abstractmethod
    def _persist_links(self, context: Context) -> None:
        """Store the URLs of the extra links."""

    def _fetch_or_skip(self) -> dict[str, Any]:
        """Fetch the metadata, and handle a missing file as ``on_missing`` specifies."""
        try:
            return self._fetch()
        except ImageKitNotFoundError as error:
            if self.on_missing == "skip":
                raise AirflowSkipException(str(error)) from error
            raise


class FileMetadataOperator(_MetadataOperator):
    """
    Fetch the metadata of a file of the media library: ``GET /v1/files/{fileId}/metadata``.

    The operator pushes ImageKit's metadata object to XCom, and each top-level field under its own key, so
    that ``operator.output["pHash"]`` works. It changes only values that a database cannot store: NaN and
    infinities become null, and NUL characters are removed. If the task has assets as outlets, the extra of
    their events contains ``file_id``, ``version_id`` (which costs one more request), ``pHash``, ``width``,
    ``height`` and ``size``.

    Errors that a retry cannot fix fail the task without another try: 400, 401, 403, and 404 by default (see
    ``on_missing``).

    :param file_id: ImageKit's id of the file. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :param fields: dotted paths to keep, such as ``["pHash", "exif.image.Make"]`` or a comma-separated text;
        by default all. (templated)
    :param exclude: dotted paths to drop, such as ``["exif.gps", "exif.makernote"]``. (templated)
    :param gps: how to treat coordinates in XCom: ``keep`` (the default), ``coarse`` (rounded to a tenth of a
        degree, about 11 km) or ``drop``. (templated)
    :param personal: how to treat serial numbers and people's names: ``keep`` (the default) or ``drop``. If
        ``gps`` or ``personal`` is not ``keep``, EXIF fields that are not known to be harmless are removed,
        too. (templated)
    :param on_missing: how to treat a 404: ``fail`` at once, ``skip``, or ``retry`` with the task's
        ``retries``. (templated)
    :param file_url: delivery URL of the file, for the task's link "ImageKit file"; listings contain it as
        ``url``, metadata does not. (templated)
    :return: ``width``, ``height``, ``size``, ``format``, ``pHash``, ``exif`` …; each can be absent.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "file_id",
        "file_url",
        *CONNECTION_ARGUMENTS,
        "fields",
        "exclude",
        "gps",
        "personal",
        "on_missing",
    )
    operator_extra_links = (ImageKitFileLink(), ImageKitMediaLibraryLink())
    label_arguments = ("file_id",)
    _subject = "file_id"

    def __init__(
        self,
        *,
        file_id: str,
        file_url: str | None = None,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        fields: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str = (),
        gps: str = GpsPolicy.KEEP.value,
        personal: str = PersonalPolicy.KEEP.value,
        on_missing: str = "fail",
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            fields=fields,
            exclude=exclude,
            gps=gps,
            personal=personal,
            on_missing=on_missing,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.file_id = file_id
        self.file_url = file_url

    def _fetch(self) -> dict[str, Any]:
        return self.hook.get_file_metadata(self.file_id)

    def _persist_links(self, context: Context) -> None:
        ImageKitMediaLibraryLink.persist(context, self.file_id)
        ImageKitFileLink.persist(context, optional_text(self.file_url, "file_url") or "")


class RemoteUrlMetadataOperator(_MetadataOperator):
    """
    Fetch the metadata behind a delivery URL of the account: ``GET /v1/metadata?url=``.

    The URL can name a file of the media library or of any origin attached to the account. With a
    transformation in the URL, the metadata is that of the transformed picture. XCom, asset events and errors
    are those of :class:`FileMetadataOperator`, with ``url`` instead of ``file_id``.

    :param url: an address below one of the account's URL endpoints, as in a browser; the operator
        percent-encodes it once. A private file needs a signed URL. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :param fields: dotted paths to keep; by default all. (templated)
    :param exclude: dotted paths to drop. (templated)
    :param gps: how to treat coordinates: ``keep`` (the default), ``coarse`` or ``drop``. (templated)
    :param personal: how to treat serial numbers and people's names: ``keep`` (the default) or ``drop``.
        (templated)
    :param on_missing: how to treat a 404: ``fail`` at once, ``skip``, or ``retry``. (templated)
    :return: as :class:`FileMetadataOperator`.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "url",
        *CONNECTION_ARGUMENTS,
        "fields",
        "exclude",
        "gps",
        "personal",
        "on_missing",
    )
    operator_extra_links = (ImageKitFileLink(),)
    label_arguments = ("url",)
    _subject = "url"

    def __init__(
        self,
        *,
        url: str,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        fields: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str = (),
        gps: str = GpsPolicy.KEEP.value,
        personal: str = PersonalPolicy.KEEP.value,
        on_missing: str = "fail",
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            fields=fields,
            exclude=exclude,
            gps=gps,
            personal=personal,
            on_missing=on_missing,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.url = url

    def _fetch(self) -> dict[str, Any]:
        return self.hook.get_remote_url_metadata(self.url)

    def _persist_links(self, context: Context) -> None:
        ImageKitFileLink.persist(context, self.url)


def _summary(metadata: dict[str, Any]) -> str:
    kind = metadata.get("format") or metadata.get("mimeType") or "file"
    exif = metadata.get("exif")
    sections = exif.values() if isinstance(exif, dict) else ()
    tags = sum(len(section) for section in sections if isinstance(section, dict))
    return (
        f"{metadata.get('width')}x{metadata.get('height')} {kind}, {metadata.get('size')} bytes, "
        f"pHash {metadata.get('pHash')}, {tags} EXIF tags"
    )


def project(metadata: dict[str, Any], *, fields: Any = None, exclude: Any = ()) -> dict[str, Any]:
    """
    Return a copy of a metadata object with selected fields.

    :param metadata: ImageKit's metadata object.
    :param fields: dotted paths to keep, such as ``pHash`` or ``exif.image.Make``, as a sequence or as
        comma-separated text; ``None`` keeps all. Paths that the object lacks are ignored.
    :param exclude: dotted paths to drop, such as ``exif.gps``. Paths that the object lacks are ignored.
    :raises ImageKitInputError: for a path that is not a text, or whose field or section of ``exif`` is
        neither documented by ImageKit nor in the object.
    """
    kept = metadata if fields is None else _keep(metadata, _paths(fields, "fields", metadata))
    return _drop(kept, _paths(exclude, "exclude", metadata))


def _paths(paths: Any, argument: str, metadata: dict[str, Any]) -> list[list[str]]:
    if isinstance(paths, str) and is_absent(paths):
        raise ImageKitInputError(
            f"{argument} is {paths!r}: the template gave None.",
            help="XCom would contain more than you selected. Pass names such as ['pHash'].",
        )
    return [_path(path, argument, metadata) for path in items(paths, argument)]


def _path(path: Any, argument: str, metadata: dict[str, Any]) -> list[str]:
    parts = [part.strip() for part in path.split(".")] if isinstance(path, str) else []
    fields = METADATA_FIELDS | metadata.keys()
    if not parts or not all(parts) or parts[0] not in fields:
        raise ImageKitInputError(
            f"{argument} names {path!r}, which ImageKit's metadata does not have.",
            help=f"{meant(path, fields)}Use dotted paths below {', '.join(sorted(METADATA_FIELDS))}.",
        )
    sections = {f"exif.{name}" for name in (*EXIF_SECTIONS, *as_dict(metadata.get("exif")))}
    if parts[0] == "exif" and (section := ".".join(parts[:2])) not in {"exif", *sections}:
        raise ImageKitInputError(
            f"{argument} names {path!r}, which ImageKit's metadata does not have.",
            help=f"{meant(section, sections)}There are: {', '.join(sorted(sections))}.",
        )
    return parts


def _keep(metadata: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for path in paths:
        source, target = metadata, kept
        for part in path[:-1]:
            inner = source.get(part)
            if not isinstance(inner, dict):
                break
            source, target = inner, target.setdefault(part, {})
        else:
            if path[-1] in source:
                target[path[-1]] = source[path[-1]]
    return kept


def _drop(metadata: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    dropped = {path[0] for path in paths if len(path) == 1}
    result: dict[str, Any] = {}
    for name, value in metadata.items():
        if name in dropped:
            continue
        inner = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        result[name] = _drop(value, inner) if inner and isinstance(value, dict) else value
    return result


def parse_privacy(gps: object, personal: object, client: ImageKitClient) -> Privacy | None:
    """
    Parse the arguments ``gps`` and ``personal``; the Connection's ``drop_personal_data`` overrides them.

    :param gps: ``keep``, ``coarse`` or ``drop``.
    :param personal: ``keep`` or ``drop``.
    :param client: the client of the Airflow Connection.
    :return: the policy; ``None`` if everything is kept.
    :raises ImageKitInputError: for any other word.
    """
    words = choice(gps, "gps", GpsPolicy), choice(personal, "personal", PersonalPolicy)
    if client.drop_personal_data:
        return Privacy()
    if words == (GpsPolicy.KEEP, PersonalPolicy.KEEP):
        return None
    return Privacy(GpsPolicy(words[0]), PersonalPolicy(words[1]))
