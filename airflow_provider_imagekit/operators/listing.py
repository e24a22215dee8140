"""Operator that lists the media library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import (
    choice,
    is_absent,
    meant,
    named,
    optional_text,
    refuse_nothing,
    texts,
    whole_number,
)
from airflow_provider_imagekit.assets.datasets import table
from airflow_provider_imagekit.client.endpoints import FILE_TYPES, SORTS, TYPES
from airflow_provider_imagekit.compat import conf
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.mapped import only_writer
from airflow_provider_imagekit.io.object_storage import check_output, storage_faults, storage_path
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.io.tables import TableFormat, format_of, json_line
from airflow_provider_imagekit.io.together import atomic_write, remove_leftovers
from airflow_provider_imagekit.library.sources import Batch
from airflow_provider_imagekit.links.imagekit import ImageKitReportLink
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    LIBRARY_LINKS,
    ImageKitOperator,
    fail_without_retry,
    identity_of,
    no_files_warning,
)
from airflow_provider_imagekit.operators.listing_pointers import pointers
from airflow_provider_imagekit.operators.time_window import WINDOW_ARGUMENTS, search_in_window

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["ListFilesOperator"]

#: Default ``fields`` of a listed file in XCom.
XCOM_FIELDS = ("fileId", "name", "filePath", "url", "updatedAt")

#: Default ``fields`` of a listed file in a file. The others (embedded metadata, AI tags …) are long.
FILE_FIELDS = (
    "fileId",
    "folderId",
    "type",
    "name",
    "filePath",
    "folderPath",
    "url",
    "fileType",
    "mime",
    "size",
    "width",
    "height",
    "versionInfo",
    "isPrivateFile",
    "isPublished",
    "tags",
    "customMetadata",
    "createdAt",
    "updatedAt",
)

#: Every field that ImageKit documents for a listed file or folder.
KNOWN_FILE_FIELDS = frozenset(FILE_FIELDS) | {
    "AITags",
    "audioCodec",
    "bitRate",
    "customCoordinates",
    "description",
    "duration",
    "embeddedMetadata",
    "extensionStatus",
    "hasAlpha",
    "selectedFieldsSchema",
    "thumbnail",
    "videoCodec",
}

_FILTERS = ("search_query", "path", "type", "file_type", "limit", *WINDOW_ARGUMENTS)
_CHOICES = {"type": TYPES, "file_type": FILE_TYPES, "sort": SORTS}
_SEARCH = ("path", *_CHOICES)

_MAX_BATCHES = 1024  # Airflow's default of [core] max_map_length

# An XCom is a value in a row of the metadata database. Airflow's former limit was 49,344 bytes.
_MAX_XCOM_BYTES = 48_000
_UNLIMITED = 1 << 62


class ListFilesOperator(ImageKitOperator):
    """
    List files of the media library (``GET /v1/files``, all pages).

    A file that stays in the library is listed exactly once, even if other files are uploaded, renamed or
    deleted during the listing.

    **The form of the XCom** depends on the arguments, not on the number of files, so downstream tasks do not
    break when the library grows:

    - Without ``output_path`` it contains the files themselves, ready for
      ``FileMetadataOperator.partial(...).expand(file_id=files.output.map(lambda file: file["fileId"]))``.
      More than ``max_xcom_bytes`` fail the task, unless Airflow's ``XComObjectStorageBackend`` is configured:
      it stores large values in files and small ones in the database, and tasks receive the same value in both
      cases.
    - With ``output_path`` it contains pointers. Any number of files is written to a JSON Lines file, which
      appears only when it is complete. The pointers are ready for
      ``LibraryMetadataOperator(input_path=files.output)``, and with ``batches`` for
      ``LibraryMetadataOperator.partial(...).expand(input_path=files.output)``.

    In your own task, :func:`~airflow_provider_imagekit.operators.listing_pointers.read_listing` returns the
    files in both cases.

    .. seealso:: :class:`~airflow_provider_imagekit.operators.library.LibraryMetadataOperator`, which lists
        the files itself.

    :param search_query: query in ImageKit's search language, such as ``createdAt > "7d" AND size > "2mb"``;
        by default all files. (templated)
    :param path: a folder, without its subfolders; by default all folders. (templated)
    :param type: ``file`` (the default), ``file-version``, ``folder`` or ``all``; has no effect together with
        ``search_query``. (templated)
    :param file_type: ``all`` (the default), ``image`` or ``non-image``. (templated)
    :param sort: sort order such as ``ASC_CREATED`` (the default), ``DESC_UPDATED``, ``ASC_NAME``. (templated)
    :param created_after: only files created at or after this time: a datetime, or an ISO 8601 text. A value
        without a time zone is in the DAG's time zone. (templated)
    :param created_before: only files created before this time (exclusive). (templated)
    :param updated_after: only files updated at or after this time. (templated)
    :param limit: maximum files to list; by default all. (templated)
    :param fields: fields to keep of each file, in ImageKit's names. By default ``fileId``, ``name``,
        ``filePath``, ``url`` and ``updatedAt`` in XCom; in a file, the fields for which the table of
        ``LibraryMetadataOperator`` has columns, and the dimensions. (templated)
    :param output_path: file for the listing, on this machine or in any storage that ``ObjectStoragePath``
        supports. By default XCom contains the files themselves. (templated)
    :param batches: number of pointers to return, 1 (the default) to 1,024; a file is always in the same
        batch. (templated)
    :param max_xcom_bytes: maximum bytes of JSON in XCom without ``output_path``. By default 48,000, which is
        about 200 files with the default ``fields``; unlimited if ``[core] xcom_backend`` is Airflow's
        ``XComObjectStorageBackend`` with a threshold. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: the files; or with ``output_path``, ``path``, ``batch``, ``batches`` and ``count`` of each batch.
    :raises AirflowFailException: for an error that a retry cannot fix, such as a listing too long for XCom.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "search_query",
        "path",
        "type",
        "file_type",
        "sort",
        *WINDOW_ARGUMENTS,
        "limit",
        "fields",
        "output_path",
        "batches",
        "max_xcom_bytes",
        *CONNECTION_ARGUMENTS,
    )
    operator_extra_links = (*LIBRARY_LINKS, ImageKitReportLink())
    label_arguments = ("search_query", "path", "output_path")
    lists_library = True

    def __init__(
        self,
        *,
        search_query: str | None = None,
        path: str | None = None,
        type: str | None = None,  # noqa: A002 - ImageKit's own name for it
        file_type: str | None = None,
        sort: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        updated_after: datetime | str | None = None,
        limit: int | str | None = None,
        fields: Sequence[str] | str | None = None,
        output_path: str | None = None,
        batches: int | str = 1,
        max_xcom_bytes: int | str | None = None,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.search_query = search_query
        self.path = path
        self.type = type
        self.file_type = file_type
        self.sort = sort
        self.created_after = created_after
        self.created_before = created_before
        self.updated_after = updated_after
        self.limit = limit
        self.fields = fields
        self.output_path = output_path
        self.batches = batches
        self.max_xcom_bytes = max_xcom_bytes
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)
        self._named = tuple(name for name in _FILTERS if getattr(self, name) is not None)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the files; see the class."""
        self._label(context)
        with fail_without_retry():
            refuse_nothing({name: getattr(self, name) for name in _FILTERS}, self._named)
            output_path = optional_text(self.output_path, "output_path")
            for name, choices in _CHOICES.items():
                if not is_absent(getattr(self, name)):
                    setattr(self, name, choice(getattr(self, name), name, choices))
            window = {name: getattr(self, name) for name in WINDOW_ARGUMENTS}
            search = search_in_window(self.search_query, window, context)
            self._persist_library_link(context)
            ImageKitReportLink.persist(context, output_path or "")
            with only_writer(output_path, identity_of(context)):
                listed = self._to_xcom(search) if output_path is None else self._to_file(search, output_path)
        count = len(listed) if output_path is None else sum(pointer["count"] for pointer in listed)
        where = f" to {output_path}" if output_path else ""
        self.log.info("Listed %s%s.", counted(count, "file"), where)
        if not count:
            self.log.warning("%s", no_files_warning({name: getattr(self, name) for name in _FILTERS}))
        if output_path is not None:
            self.written_datasets = (table(output_path, rows=count),)
        self._add_asset_event_extra(context, {"path": output_path, "count": count})
        return listed

    def _to_xcom(self, search: str | None) -> list[dict[str, Any]]:
        if whole_number(self.batches, "batches", least=1) > 1:
            raise ImageKitInputError(
                f"batches is {self.batches}, but without output_path XCom contains the files themselves.",
                help="Set output_path to get pointers to batches, or omit batches.",
            )
        maximum, size = self._max_xcom_bytes(), 0
        records: list[dict[str, Any]] = []
        for record in self._records(search, XCOM_FIELDS):
            size += len(json.dumps(record)) + 2
            if size > maximum:
                raise ImageKitInputError(
                    f"The listing is too long for XCom: max_xcom_bytes is {maximum:,}, enough for "
                    f"{len(records):,} of its files.",
                    help="Set output_path to write the files to a file and get pointers to it in XCom, "
                    "which read_listing() and LibraryMetadataOperator(input_path=...) read. Or list less "
                    '(limit, fields="fileId"), or raise max_xcom_bytes if your XCom backend can store more.',
                )
            records.append(record)
        return records

    def _to_file(self, search: str | None, output_path: str) -> list[dict[str, Any]]:
        path = storage_path(output_path, "output_path")
        with named("output_path"):
            if format_of(path.name) is not TableFormat.JSONL:
                raise ImageKitInputError(
                    f"A listing is a JSON Lines file, not {path.name!r}.", help="Use .jsonl."
                )
        maximum = min(conf.getint("core", "max_map_length", fallback=_MAX_BATCHES), _MAX_BATCHES)
        of = whole_number(self.batches, "batches", least=1, most=maximum)
        counts = [0] * of
        check_output(output_path)
        remove_leftovers(path.parent, path.name)
        with storage_faults([output_path]), atomic_write(path, path.parent) as stream:
            for record in self._records(search, FILE_FIELDS):
                counts[Batch.number_of(str(record.get("fileId")), of)] += 1
                stream.write(json_line(record))
        return pointers(output_path, counts)

    def _max_xcom_bytes(self) -> int:
        if not is_absent(self.max_xcom_bytes):
            return whole_number(self.max_xcom_bytes, "max_xcom_bytes")
        backend = conf.get("core", "xcom_backend", fallback="")
        threshold = conf.getint("common.io", "xcom_objectstorage_threshold", fallback=-1)
        by_size = backend.endswith(".XComObjectStorageBackend") and threshold >= 0
        return _UNLIMITED if by_size else _MAX_XCOM_BYTES

    def _fields(self) -> tuple[str, ...]:
        fields = texts(self.fields, "fields")
        if unknown := [field for field in fields if field not in KNOWN_FILE_FIELDS]:
            raise ImageKitInputError(
                f"fields names {unknown[0]!r}, which is not a field of a listed file.",
                help=f"{meant(unknown[0], KNOWN_FILE_FIELDS)}Use names of "
                f"{', '.join(sorted(KNOWN_FILE_FIELDS))}.",
            )
        return fields

    def _records(self, search: str | None, default_fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        fields = self._fields() or default_fields
        if self.hook.get_conn().drop_personal_data:
            fields = [field for field in fields if field != "embeddedMetadata"]
        for record in self.hook.list_files(
            search_query=search,
            **{name: optional_text(getattr(self, name), name) for name in _SEARCH},
            limit=None if is_absent(self.limit) else whole_number(self.limit, "limit"),
        ):
            yield {field: record[field] for field in fields if field in record}
