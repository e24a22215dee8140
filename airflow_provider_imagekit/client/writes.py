"""Write methods of the client and the hook, and the reads that accompany them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client import changes, endpoints
from airflow_provider_imagekit.client.retry import Caller
from airflow_provider_imagekit.exceptions import ImageKitNotFoundError, ImageKitResponseError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.retry import RetryLimits

__all__ = ["FILE_IS_MISSING", "Writes"]

#: ImageKit's message for a file that does not exist.
FILE_IS_MISSING = "The requested file does not exist."


class Writes(Caller):
    """
    Methods that write; subclasses implement :meth:`call`, which sends the requests.

    Each raises :class:`~airflow_provider_imagekit.exceptions.ImageKitError`. If the response is lost, methods
    that must not be repeated raise :class:`~airflow_provider_imagekit.exceptions.UnknownOutcomeError`;
    :mod:`airflow_provider_imagekit.client.changes` lists them.
    """

    def upload_file(
        self,
        file: bytes | str,
        file_name: str,
        *,
        folder: str = "/",
        tags: Sequence[str] = (),
        custom_metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        private: bool = False,
        published: bool = True,
        unique_name: bool = False,
        overwrite: bool = False,
        response_fields: Collection[str] = (),
    ) -> dict[str, Any]:
        """
        Upload a file, and return its details, such as ``fileId``, ``url`` and ``filePath``.

        :param file: content of the file, or a URL that ImageKit fetches.
        :param file_name: its name in the media library.
        :param folder: path of its folder, which is created if it does not exist; by default ``/``.
        :param tags: its tags.
        :param custom_metadata: values by field name.
        :param description: its description.
        :param private: whether only signed URLs deliver it; by default not.
        :param published: whether it is delivered; by default yes.
        :param unique_name: whether ImageKit adds a random suffix to the name; by default not.
        :param overwrite: whether an existing file of this name gets a new version; by default ImageKit
            rejects the upload.
        :param response_fields: additional fields of the response, such as ``metadata``.
        """
        request = changes.upload_file(
            file,
            file_name,
            folder=folder,
            tags=tags,
            custom_metadata=custom_metadata,
            description=description,
            private=private,
            published=published,
            unique_name=unique_name,
            overwrite=overwrite,
            response_fields=response_fields,
        )
        details: dict[str, Any] = self.call(request)
        return details

    def get_file_details(self, file_id: str) -> dict[str, Any]:
        """
        Return a file as in the listing, with ``tags``, ``customMetadata`` and ``isPublished`` among others.

        :param file_id: ImageKit's id of the file.
        """
        details: dict[str, Any] = self.call(endpoints.file_details(file_id))
        return details

    def update_file(
        self,
        file_id: str,
        *,
        tags: Sequence[str] | None = None,
        custom_metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        published: bool | None = None,
    ) -> dict[str, Any]:
        """
        Change the details of a file, and return them. Fields that are ``None``, the default, stay unchanged.

        :param file_id: ImageKit's id of the file.
        :param tags: the new tags; an empty list removes all tags.
        :param custom_metadata: values by field name; the value ``None`` clears a field.
        :param description: the description.
        :param published: whether the file is delivered.
        """
        request = changes.update_file(
            file_id,
            tags=tags,
            custom_metadata=custom_metadata,
            description=description,
            published=published,
        )
        details: dict[str, Any] = self.call(request)
        return details

    def add_tags(self, file_ids: Sequence[str], tags: Sequence[str]) -> dict[str, str]:
        """
        Add tags to any number of files, 50 at a time.

        :param file_ids: ids of the files.
        :param tags: the tags.
        :return: errors by id of the files that were not changed; empty if all were.
        """
        return self._in_parts(file_ids, changes.MAX_TAGGED_FILES, lambda part: changes.add_tags(part, tags))

    def remove_tags(self, file_ids: Sequence[str], tags: Sequence[str]) -> dict[str, str]:
        """Remove tags from any number of files; parameters and return as :meth:`add_tags`."""
        return self._in_parts(
            file_ids, changes.MAX_TAGGED_FILES, lambda part: changes.remove_tags(part, tags)
        )

    def delete_files(self, file_ids: Sequence[str]) -> dict[str, str]:
        """
        Delete any number of files with all their versions, 100 at a time.

        :param file_ids: ids of the files.
        :return: errors by id of the files that were not deleted, missing files included.
        """
        return self._in_parts(file_ids, changes.MAX_DELETED_FILES, changes.delete_files)

    def purge_cache(self, url: str) -> str:
        """
        Start to purge a delivery URL from the caches.

        :param url: the URL; it may end with ``*``.
        :return: id of the purge, for :meth:`get_purge_status`.
        """
        return _id_in(self.call(changes.purge_cache(url)), "requestId")

    def get_purge_status(self, request_id: str, *, limits: RetryLimits | None = None) -> str:
        """
        Return ``Pending`` or ``Completed``.

        :param request_id: as :meth:`purge_cache` returned it.
        :param limits: limits of the retries; by default those of the client's settings.
        """
        return str(self.call(changes.purge_status(request_id), limits=limits).get("status"))

    def copy_folder(self, source: str, destination: str, *, include_versions: bool = False) -> str:
        """
        Start to copy a folder into another one.

        :param source: path of the folder.
        :param destination: path of the folder to copy it into.
        :param include_versions: whether to copy older versions of the files as well.
        :return: id of the job, for :meth:`get_folder_job`.
        """
        request = changes.copy_folder(source, destination, include_versions=include_versions)
        return _id_in(self.call(request), "jobId")

    def move_folder(self, source: str, destination: str) -> str:
        """Start to move a folder into another one; parameters and return as :meth:`copy_folder`."""
        return _id_in(self.call(changes.move_folder(source, destination)), "jobId")

    def rename_folder(self, folder: str, new_name: str, *, purge: bool = False) -> str:
        """
        Start to rename a folder.

        :param folder: path of the folder.
        :param new_name: its new name, without a path.
        :param purge: whether to purge the URLs of its files from the caches.
        :return: id of the job, for :meth:`get_folder_job`.
        """
        return _id_in(self.call(changes.rename_folder(folder, new_name, purge=purge)), "jobId")

    def get_folder_job(self, job_id: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return the status of a folder job: ``jobId``, ``type``, ``status`` (``Pending`` or ``Completed``).

        :param job_id: id of the job.
        :param limits: limits of the retries; by default those of the client's settings.
        """
        job: dict[str, Any] = self.call(changes.folder_job(job_id), limits=limits)
        return job

    def get_usage(
        self, start_date: str, end_date: str, *, limits: RetryLimits | None = None
    ) -> dict[str, Any]:
        """
        Return the account's usage: ``bandwidthBytes``, ``mediaLibraryStorageBytes`` and three other counters.

        :param start_date: first day, such as ``2026-11-01``.
        :param end_date: the day after the last one, less than 90 days later.
        :param limits: limits of the retries; by default those of the client's settings.
        """
        usage: dict[str, Any] = self.call(changes.usage(start_date, end_date), limits=limits)
        return usage

    def list_custom_metadata_fields(self) -> list[dict[str, Any]]:
        """Return the account's custom metadata fields: ``id``, ``name``, ``label``, ``schema``."""
        fields: list[dict[str, Any]] = self.call(changes.custom_metadata_fields())
        return fields

    def create_custom_metadata_field(
        self, name: str, label: str, schema: Mapping[str, Any]
    ) -> dict[str, Any]:
        """
        Create a custom metadata field, and return it.

        :param name: its name in the API.
        :param label: its name on the dashboard.
        :param schema: such as ``{"type": "Text"}`` or ``{"type": "Date"}``.
        """
        field: dict[str, Any] = self.call(changes.create_custom_metadata_field(name, label, schema))
        return field

    def _in_parts(
        self, file_ids: Sequence[str], size: int, request: Callable[[list[str]], endpoints.Request]
    ) -> dict[str, str]:
        errors: dict[str, str] = {}
        for part in _parts(dict.fromkeys(file_ids), size):
            errors |= self._change(part, request)
        return errors

    def _change(
        self, file_ids: list[str], request: Callable[[list[str]], endpoints.Request]
    ) -> dict[str, str]:
        """Change some files; after a 404, repeat the request without the files that it lists as missing."""
        errors: dict[str, str] = {}
        while left := [file_id for file_id in file_ids if file_id not in errors]:
            try:
                response = self.call(request(left))
            except ImageKitNotFoundError as error:
                missing = set(error.missing) & set(left)
                errors |= dict.fromkeys(missing or left, FILE_IS_MISSING)
                continue
            errors |= _errors(response)
            _check_complete(response, set(left) - set(errors))
            return errors
        return errors


def _errors(response: dict[str, Any]) -> dict[str, str]:
    """Return the errors in a response (207) by file id."""
    found = response.get("errors")
    rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {str(row.get("fileId")): str(row.get("error")) for row in rows}


def _check_complete(response: dict[str, Any], changed: set[str]) -> None:
    """Check that a response lists every file that was changed."""
    lists = [value for value in response.values() if isinstance(value, list)]
    named = {each for value in lists for each in value if isinstance(each, str)}
    if missing := changed - named:
        raise ImageKitResponseError(
            f"The response does not list {len(missing):,} of the requested files, such as {min(missing)}.",
            help="If this persists, check for a proxy that responds in ImageKit's place.",
        )


def _id_in(response: dict[str, Any], name: str) -> str:
    if not (found := response.get(name)):
        raise ImageKitResponseError(f"The response has no {name}.")
    return str(found)


def _parts(file_ids: dict[str, None], size: int) -> Iterator[list[str]]:
    remaining = iter(file_ids)
    while part := list(islice(remaining, size)):
        yield part
