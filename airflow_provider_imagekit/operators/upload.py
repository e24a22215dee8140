"""Operator that uploads a file, optionally after a check for near-duplicates."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.arguments import choice, flag, mapping, optional_text, text, texts
from airflow_provider_imagekit.client import changes
from airflow_provider_imagekit.compat import AirflowSkipException
from airflow_provider_imagekit.exceptions import (
    ImageKitBadRequestError,
    ImageKitInputError,
    NearDuplicateError,
)
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.library.table.privacy import Privacy
from airflow_provider_imagekit.links.imagekit import ImageKitFileLink, ImageKitMediaLibraryLink
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS, fail_without_retry, identity_of
from airflow_provider_imagekit.operators.base_write import WritingOperator
from airflow_provider_imagekit.operators.upload_source import (
    Catalogue,
    SourceFile,
    read_source,
    stored_name,
    unique_name,
)
from airflow_provider_imagekit.similarity.verdict import Decision

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.compat import Context

__all__ = ["UploadFileOperator"]

_ON_EXISTING: Final = ("fail", "skip", "use", "overwrite")
_ON_DUPLICATE: Final = ("fail", "skip", "tag")
_RESPONSE_FIELDS: Final = (
    "tags",
    "customCoordinates",
    "isPrivateFile",
    "embeddedMetadata",
    "isPublished",
    "customMetadata",
    "metadata",
    "selectedFieldsSchema",
)
_GUARDED: Final = ("file_name", "tags", "custom_metadata", "description", "duplicate_of")
# Maximum difference between the clocks of ImageKit and of this machine.
_CLOCK_SKEW = timedelta(minutes=5)


class UploadFileOperator(WritingOperator):
    """
    Upload a file to the media library. The response includes the file's metadata and pHash.

    With ``duplicate_of`` the picture's hash is computed on this machine (extra ``pillow``) before the upload,
    and compared with a table of hashes, such as a table of ``LibraryMetadataOperator``, or with the pictures
    of a folder. Files without a hash and flat pictures are uploaded.

    If the response of a try was lost, the next try finds the uploaded file: with ``unique_name`` by its name,
    otherwise by name, size, and a creation time after the start of the DAG run. The file is read into memory.

    :param file: the file: a path on this machine, a URL of a storage such as ``s3://bucket/key``, an
        ``ObjectStoragePath``, bytes, or an http(s) URL, which ImageKit fetches. (templated)
    :param file_name: its name in the media library; by default the name of ``file``. (templated)
    :param folder: folder of the media library, which is created if it does not exist; by default ``/``.
        (templated)
    :param tags: its tags. (templated)
    :param custom_metadata: values by custom metadata field. (templated)
    :param description: its description. (templated)
    :param private: whether the file is delivered only by signed URLs, by default false. (templated)
    :param published: whether the file is published, by default true. (templated)
    :param unique_name: whether to add a suffix to the name that is unique to this task instance, by default
        false. (templated)
    :param on_existing: how to handle an existing file of the same name: ``fail`` (the default), ``skip`` the
        task, ``use`` the existing file instead of uploading, or ``overwrite`` it with a new version.
        (templated)
    :param response_fields: additional fields of the response: ``metadata`` (the default), ``tags``,
        ``customMetadata``, ``embeddedMetadata``, ``isPublished``, ``isPrivateFile`` … (templated)
    :param duplicate_of: table of hashes, or folder of the media library with up to 1,000 pictures, each of
        which costs a request. (templated)
    :param on_duplicate: how to handle a near-duplicate: ``fail`` (the default), ``skip`` the task, or ``tag``
        the file. (templated)
    :param duplicate_tag: the tag for near-duplicates, by default ``near-duplicate``. (templated)
    :param max_distance: maximum distance of a near-duplicate in bits, 0 to 16, or a level: ``identical`` (0),
        ``strict`` (4), ``near_duplicate`` (8, the default), ``review`` (12). (templated)
    :param low_information: hashes of flat pictures, which are undecidable; the zero hash is always one of
        them. (templated)
    :param bank_id_column: column of the ids in the table; by default ``fileId``, ``file_id`` or ``id``.
        (templated)
    :param bank_phash_column: column of the hashes in the table; by default ``pHash`` or ``phash``.
        (templated)
    :param dry_run: whether to check for near-duplicates, log the plan and upload nothing, by default false.
        (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ImageKit's response (``fileId``, ``url``, ``filePath``, ``metadata`` …), ``uploaded``,
        ``dry_run``, and ``duplicate``, which is the nearest picture with its distance if ``duplicate_of`` is
        set.
    :raises AirflowFailException: for a near-duplicate, and for an error that a retry cannot fix, such as a
        lost response to an ``overwrite``.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "file",
        "file_name",
        "folder",
        "tags",
        "custom_metadata",
        "description",
        "private",
        "published",
        "unique_name",
        "on_existing",
        "response_fields",
        "duplicate_of",
        "on_duplicate",
        "duplicate_tag",
        "max_distance",
        "low_information",
        "bank_id_column",
        "bank_phash_column",
        "dry_run",
        *CONNECTION_ARGUMENTS,
    )
    operator_extra_links = (ImageKitFileLink(), ImageKitMediaLibraryLink())
    label_arguments = ("file_name", "file")

    def __init__(
        self,
        *,
        file: Any,
        file_name: str | None = None,
        folder: str = "/",
        tags: Sequence[str] | str | None = None,
        custom_metadata: Mapping[str, Any] | str | None = None,
        description: str | None = None,
        private: bool | str = False,
        published: bool | str = True,
        unique_name: bool | str = False,
        on_existing: str = "fail",
        response_fields: Sequence[str] | str = ("metadata",),
        duplicate_of: str | None = None,
        on_duplicate: str = "fail",
        duplicate_tag: str = "near-duplicate",
        max_distance: int | str = "near_duplicate",
        low_information: Sequence[str] | str = (),
        bank_id_column: str | None = None,
        bank_phash_column: str | None = None,
        dry_run: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.file = file
        self.file_name = file_name
        self.folder = folder
        self.tags = tags
        self.custom_metadata = custom_metadata
        self.description = description
        self.private = private
        self.published = published
        self.unique_name = unique_name
        self.on_existing = on_existing
        self.response_fields = response_fields
        self.duplicate_of = duplicate_of
        self.on_duplicate = on_duplicate
        self.duplicate_tag = duplicate_tag
        self.max_distance = max_distance
        self.low_information = low_information
        self.bank_id_column = bank_id_column
        self.bank_phash_column = bank_phash_column
        self.dry_run = dry_run
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)
        self._named = tuple(name for name in _GUARDED if getattr(self, name) is not None)

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload the file; see the class."""
        self._label(context)
        with fail_without_retry():
            result = self._upload(context)
        if file_id := result.get("fileId"):
            if self.hook.get_conn().drop_personal_data:
                result = Privacy().apply_to_file(result)
            ImageKitFileLink.persist(context, str(result.get("url") or ""))
            ImageKitMediaLibraryLink.persist(context, str(file_id))
            metadata = result.get("metadata") or {}
            extra = {"file_id": file_id, "path": result.get("filePath"), "pHash": metadata.get("pHash")}
            self._add_asset_event_extra(context, extra)
        return result

    def _upload(self, context: Context) -> dict[str, Any]:
        self._refuse_nothing(self._named, self._named)
        self.on_existing = choice(self.on_existing, "on_existing", _ON_EXISTING)
        self.on_duplicate = choice(self.on_duplicate, "on_duplicate", _ON_DUPLICATE)
        catalogue, request = self._catalogue(), self._request()
        source = read_source(self.file, optional_text(self.file_name, "file_name"))
        name = stored_name(source.name)
        if flag(self.unique_name, "unique_name"):
            name = unique_name(name, identity_of(context))
        duplicate = self._duplicate(catalogue, source)
        tags = self._tags(is_duplicate=bool(duplicate and duplicate["matched"]))
        result = {"uploaded": False, "dry_run": False, "duplicate": duplicate}
        size = "a URL" if source.size is None else counted(source.size, "byte")
        if self._only_plan(f"Plan: upload {source.name} ({size}) to {self._path(name)}."):
            return result | {"dry_run": True, "filePath": self._path(name)}
        try:
            response: dict[str, Any] = self.hook.call(request(source.content, name, tags=tags))
        except ImageKitBadRequestError as error:
            if "already exists" not in error.message.lower():
                raise
            return result | self._existing(context, source, name, error)
        self.log.info("Uploaded %s as file %s.", response.get("filePath"), response.get("fileId"))
        return result | {"uploaded": True} | response

    def _request(self) -> partial[Request]:
        """Return the request without content, name and tags."""
        return partial(
            changes.upload_file,
            folder=self._folder(),
            custom_metadata=mapping(self.custom_metadata, "custom_metadata"),
            description=optional_text(self.description, "description"),
            private=flag(self.private, "private"),
            published=flag(self.published, "published"),
            overwrite=self.on_existing == "overwrite",
            response_fields=self._response_fields(),
        )

    def _folder(self) -> str:
        self.folder = text(self.folder, "folder")
        return self.folder

    def _path(self, name: str) -> str:
        return posixpath.join("/", self.folder.strip("/"), name)

    def _response_fields(self) -> tuple[str, ...]:
        fields = texts(self.response_fields, "response_fields")
        if unknown := next((name for name in fields if name not in _RESPONSE_FIELDS), ""):
            raise ImageKitInputError(
                f"response_fields names {unknown!r}.", help=f"Use {', '.join(_RESPONSE_FIELDS)}."
            )
        return fields

    def _tags(self, *, is_duplicate: bool) -> tuple[str, ...]:
        tags = texts(self.tags, "tags")
        return (*tags, text(self.duplicate_tag, "duplicate_tag")) if is_duplicate else tags

    def _catalogue(self) -> Catalogue | None:
        place = optional_text(self.duplicate_of, "duplicate_of")
        if place is None:
            return None
        catalogue = Catalogue(
            place,
            optional_text(self.bank_id_column, "bank_id_column") or "",
            optional_text(self.bank_phash_column, "bank_phash_column") or "",
            self.max_distance,
            self.low_information,
        )
        catalogue.check()
        return catalogue

    def _duplicate(self, catalogue: Catalogue | None, source: SourceFile) -> dict[str, Any] | None:
        """Return the nearest picture, or raise if the file is a near-duplicate that must not be uploaded."""
        if catalogue is None:
            return None
        client = self.hook.get_conn()
        verdict = catalogue.judge(source.phash(client), client)
        self.log.info("%s: %s", source.name, verdict.reason)
        is_near = verdict.decision is Decision.SIMILAR
        if is_near and self.on_duplicate != "tag":
            error = NearDuplicateError(
                f"{source.name} is a near-duplicate and was not uploaded. {verdict.reason}"
            )
            if self.on_duplicate == "skip":
                raise AirflowSkipException(str(error)) from error
            raise error
        return {"decision": str(verdict.decision), **verdict.as_xcom(), "matched": is_near}

    def _existing(
        self, context: Context, source: SourceFile, name: str, error: ImageKitBadRequestError
    ) -> dict[str, Any]:
        """Return the existing file if this task uploaded it or may use it; otherwise raise or skip."""
        file = self.hook.find_file(self._path(name))
        is_own = flag(self.unique_name, "unique_name") or _is_own(context, source, file)
        if not is_own and self.on_existing == "skip":
            raise AirflowSkipException(str(error)) from error
        if not is_own and self.on_existing == "fail":
            raise ImageKitInputError(
                f"A file already exists at {self._path(name)}.",
                help="Set on_existing to skip, use or overwrite, or set unique_name.",
            ) from error
        self.log.info(
            "%s already exists: %s.",
            file.get("filePath"),
            "uploaded by an earlier try" if is_own else "it is used",
        )
        if "metadata" in self._response_fields():
            file |= {"metadata": self.hook.get_file_metadata(file["fileId"])}
        return file | {"uploaded": is_own}


def _is_own(context: Context, source: SourceFile, file: Mapping[str, Any]) -> bool:
    """Return whether an earlier try of this task, whose response was lost, uploaded the file."""
    start = getattr(context.get("dag_run"), "start_date", None)
    try:
        created = datetime.fromisoformat(str(file.get("createdAt")))
    except ValueError:
        return False
    if not isinstance(start, datetime) or source.size not in (None, file.get("size")):
        return False
    return created >= start - _CLOCK_SKEW
