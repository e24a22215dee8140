"""What the client and the hook do that changes something, and the questions that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client import changes, endpoints
from airflow_provider_imagekit.client.retry import Caller
from airflow_provider_imagekit.exceptions import ImageKitNotFoundError, ImageKitResponseError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.settings import RetryLimits

__all__ = ["FILE_IS_MISSING", "Writes"]

#: What ImageKit says of a file that is not there.
FILE_IS_MISSING = "The requested file does not exist."


class Writes(Caller):
    """
    Methods that write; :meth:`call` sends what they ask for.

    Each raises :class:`~airflow_provider_imagekit.exceptions.ImageKitError`, and those that must not be
    repeated :class:`~airflow_provider_imagekit.exceptions.UnknownOutcomeError` if the answer is lost. Which
    ones those are: :mod:`airflow_provider_imagekit.client.changes`.
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
        Upload a file, and return what ImageKit says of it, such as ``fileId``, ``url`` and ``filePath``.

        :param file: content of the file, or a URL that ImageKit fetches.
        :param file_name: its name in the media library.
        :param folder: path of its folder, which is made if it is not there; by default ``/``.
        :param tags: its tags.
        :param custom_metadata: values by field.
        :param description: its description.
        :param private: whether only signed URLs deliver it; by default not.
        :param published: whether it is delivered; by default yes.
        :param unique_name: whether ImageKit adds a random suffix to the name; by default not.
        :param overwrite: whether a file of this name gets a new version; by default the upload is refused.
        :param response_fields: further fields of the answer, such as ``metadata``.
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
        answer: dict[str, Any] = self.call(request)
        return answer

    def get_file_details(self, file_id: str) -> dict[str, Any]:
        """
        Return a file as the listing has it, such as ``tags``, ``customMetadata`` and ``isPublished``.

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
        Change the details of a file, and return them. What is ``None``, the default, stays as it is.

        :param file_id: ImageKit's id of the file.
        :param tags: the tags that it shall have; an empty list removes all.
        :param custom_metadata: values by field; ``None`` as a value removes the field's value.
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
        :return: for each file that was not changed, why; empty if all were.
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
        :return: for each file that was not deleted, why; a file that is not there is one of them.
        """
        return self._in_parts(file_ids, changes.MAX_DELETED_FILES, changes.delete_files)

    def purge_cache(self, url: str) -> str:
        """
        Ask to purge a delivery URL from the caches.

        :param url: the URL; it may end with ``*``.
        :return: id of the purge, for :meth:`get_purge_status`.
        """
        return _id_in(self.call(changes.purge_cache(url)), "requestId")

    def get_purge_status(self, request_id: str, *, limits: RetryLimits | None = None) -> str:
        """
        Return ``Pending`` or ``Completed``.

        :param request_id: as :meth:`purge_cache` returned it.
        :param limits: how often to repeat the request; by default as the client's settings say.
        """
        return str(self.call(changes.purge_status(request_id), limits=limits).get("status"))

    def copy_folder(self, source: str, destination: str, *, include_versions: bool = False) -> str:
        """
        Ask to copy a folder into another one.

        :param source: path of the folder.
        :param destination: path of the folder that is to contain it.
        :param include_versions: whether to copy older versions of the files, too.
        :return: id of the job, for :meth:`get_folder_job`.
        """
        request = changes.copy_folder(source, destination, include_versions=include_versions)
        return _id_in(self.call(request), "jobId")

    def move_folder(self, source: str, destination: str) -> str:
        """Ask to move a folder into another one; parameters and return as :meth:`copy_folder`."""
        return _id_in(self.call(changes.move_folder(source, destination)), "jobId")

    def rename_folder(self, folder: str, new_name: str, *, purge: bool = False) -> str:
        """
        Ask to rename a folder.

        :param folder: path of the folder.
        :param new_name: its new name, without a path.
        :param purge: whether to purge the URLs of its files from the caches.
        :return: id of the job, for :meth:`get_folder_job`.
        """
        return _id_in(self.call(changes.rename_folder(folder, new_name, purge=purge)), "jobId")

    def get_folder_job(self, job_id: str, *, limits: RetryLimits | None = None) -> dict[str, Any]:
        """
        Return a job on a folder: ``jobId``, ``type``, ``status`` (``Pending`` or ``Completed``).

        :param job_id: id of the job.
        :param limits: how often to repeat the request; by default as the client's settings say.
        """
        job: dict[str, Any] = self.call(changes.folder_job(job_id), limits=limits)
        return job

    def get_usage(
        self, start_date: str, end_date: str, *, limits: RetryLimits | None = None
    ) -> dict[str, Any]:
        """
        Return the account's usage: ``bandwidthBytes``, ``mediaLibraryStorageBytes`` and three more counters.

        :param start_date: first day, such as ``2026-11-01``.
        :param end_date: day after the last, less than 90 days later.
        :param limits: how often to repeat the request; by default as the client's settings say.
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
        """Change some files; those that a 404 names as missing are left out, and the rest asked for again."""
        errors: dict[str, str] = {}
        while left := [file_id for file_id in file_ids if file_id not in errors]:
            try:
                answer = self.call(request(left))
            except ImageKitNotFoundError as error:
                missing = set(error.missing) & set(left)
                errors |= dict.fromkeys(missing or left, FILE_IS_MISSING)
                continue
            errors |= _errors(answer)
            _check_whole(answer, set(left) - set(errors))
            return errors
        return errors


def _errors(answer: dict[str, Any]) -> dict[str, str]:
    """Return what an answer (207) says of files that were not changed."""
    found = answer.get("errors")
    rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {str(row.get("fileId")): str(row.get("error")) for row in rows}


def _check_whole(answer: dict[str, Any], changed: set[str]) -> None:
    """Make sure that an answer names every file that was changed."""
    lists = [value for value in answer.values() if isinstance(value, list)]
    named = {each for value in lists for each in value if isinstance(each, str)}
    if lacking := changed - named:
        raise ImageKitResponseError(
            f"The answer lacks {len(lacking):,} of the files that were named, such as {min(lacking)}.",
            help="If this goes on, look for a proxy that answers in ImageKit's place.",
        )


def _id_in(answer: dict[str, Any], name: str) -> str:
    if not (found := answer.get(name)):
        raise ImageKitResponseError(f"The answer has no {name}.")
    return str(found)


def _parts(file_ids: dict[str, None], size: int) -> Iterator[list[str]]:
    remaining = iter(file_ids)
    while part := list(islice(remaining, size)):
        yield part
