"""
Builds requests for ImageKit's write endpoints; does no I/O.

If the response to a write is lost, ImageKit may already have processed the request. Which requests are
retried all the same (:data:`REPEATABLE`):

=================================================  =======  =================================================
request                                            retried  reason
=================================================  =======  =================================================
add or remove tags, update details, publish        yes      repeating it changes nothing
delete files                                       yes      a deleted file is reported as missing
purge a URL                                        yes      it is purged twice; both purges count for the plan
upload without ``overwrite`` or a unique name      yes      the second is rejected: the name exists
upload with ``overwrite`` or a unique name         no       it would create another version or another file
copy, move, rename a folder                        no       a copy adds versions, a move finds no source
create a custom metadata field                     no       a repeat fails as if another client had made it
=================================================  =======  =================================================
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from airflow_provider_imagekit.client.endpoints import Form, Request, id_segment, parse_text
from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "MAX_DELETED_FILES",
    "MAX_TAGGED_FILES",
    "MAX_TAG_CHARACTERS",
    "REPEATABLE",
    "add_tags",
    "copy_folder",
    "create_custom_metadata_field",
    "custom_metadata_fields",
    "delete_files",
    "folder_job",
    "move_folder",
    "purge_cache",
    "purge_status",
    "remove_tags",
    "rename_folder",
    "update_file",
    "upload_file",
    "usage",
]

#: Maximum number of files per tagging request.
MAX_TAGGED_FILES: Final = 50
#: Maximum number of files per delete request.
MAX_DELETED_FILES: Final = 100
#: Maximum total number of characters in the tags of a file.
MAX_TAG_CHARACTERS: Final = 500

#: Whether a kind of write is retried although ImageKit may already have processed it.
REPEATABLE: Final[Mapping[str, bool]] = {
    "add_tags": True,
    "remove_tags": True,
    "update_file": True,
    "delete_files": True,
    "purge_cache": True,
    "upload_file": True,
    "upload_file, overwriting or with a unique name": False,
    "copy_folder": False,
    "move_folder": False,
    "rename_folder": False,
    "create_custom_metadata_field": False,
}

_FIELDS = "/v1/customMetadataFields"


def _post(path: str, body: Mapping[str, Any] | Form, kind: str) -> Request:
    return Request(path, {}, dict, method="POST", body=body, repeatable=REPEATABLE[kind])


def add_tags(file_ids: Sequence[str], tags: Sequence[str]) -> Request:
    """
    Add tags to files: ``POST /v1/files/addTags``.

    :param file_ids: ids of 1 to 50 files.
    :param tags: the tags, at least one.
    :raises ImageKitInputError: for too many ids or none, no tags, or tags that ImageKit does not accept.
    """
    return _post("/v1/files/addTags", _tagging(file_ids, tags), "add_tags")


def remove_tags(file_ids: Sequence[str], tags: Sequence[str]) -> Request:
    """Remove tags from files: ``POST /v1/files/removeTags``; parameters as for :func:`add_tags`."""
    return _post("/v1/files/removeTags", _tagging(file_ids, tags), "remove_tags")


def update_file(
    file_id: str,
    *,
    tags: Sequence[str] | None = None,
    custom_metadata: Mapping[str, Any] | None = None,
    description: str | None = None,
    published: bool | None = None,
) -> Request:
    """
    Change the details of a file: ``PATCH /v1/files/{fileId}/details``; ``None`` leaves a field unchanged.

    :param file_id: ImageKit's id of the file.
    :param tags: the new tags; an empty list removes all tags.
    :param custom_metadata: values by field name; the value ``None`` clears a field.
    :param description: the description.
    :param published: whether the file is delivered.
    :raises ImageKitInputError: if all fields are ``None``, or the id is not valid.
    """
    body: dict[str, Any] = {}
    if tags is not None:
        body["tags"] = _checked_tags(tags)
    if custom_metadata is not None:
        body["customMetadata"] = dict(custom_metadata)
    if description is not None:
        body["description"] = description
    if published is not None:
        body["publish"] = {"isPublished": published}
    if not body:
        raise ImageKitInputError(
            "The update changes nothing.", help="Pass tags, custom_metadata, description or published."
        )
    path = f"/v1/files/{id_segment(file_id)}/details"
    return Request(path, {}, dict, method="PATCH", body=body, repeatable=REPEATABLE["update_file"])


def delete_files(file_ids: Sequence[str]) -> Request:
    """
    Delete files with all their versions: ``POST /v1/files/batch/deleteByFileIds``.

    :param file_ids: ids of 1 to 100 files.
    :raises ImageKitInputError: for too many ids or none.
    """
    ids = _checked_ids(file_ids, MAX_DELETED_FILES)
    return _post("/v1/files/batch/deleteByFileIds", {"fileIds": ids}, "delete_files")


def upload_file(
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
) -> Request:
    """
    Upload a file: ``POST /api/v1/files/upload``.

    :param file: content of the file, or a URL that ImageKit fetches.
    :param file_name: its name in the media library; ImageKit replaces every character other than letters,
        digits, dots, hyphens and underscores.
    :param folder: path of its folder, which is created if it does not exist.
    :param tags: its tags.
    :param custom_metadata: values by field name.
    :param description: its description.
    :param private: whether only signed URLs deliver it.
    :param published: whether it is delivered.
    :param unique_name: whether ImageKit adds a random suffix to the name.
    :param overwrite: whether an existing file of this name gets a new version; otherwise ImageKit rejects the
        upload.
    :param response_fields: additional fields of the response, such as ``metadata``.
    :raises ImageKitInputError: if the name is empty or a tag is not valid.
    """
    fields = {
        "fileName": parse_text(file_name, "file_name"),
        "folder": parse_text(folder, "folder"),
        "useUniqueFileName": _flag(unique_name),
        "overwriteFile": _flag(overwrite),
        "isPrivateFile": _flag(private),
        "tags": ",".join(_checked_tags(tags)),
        "customMetadata": json.dumps(dict(custom_metadata)) if custom_metadata else "",
        "description": description or "",
        "responseFields": ",".join(response_fields),
        "isPublished": "" if published else "false",
    }
    creates_another = unique_name or overwrite
    return _post(
        "/api/v1/files/upload",
        Form({name: value for name, value in fields.items() if value}, file, fields["fileName"]),
        "upload_file, overwriting or with a unique name" if creates_another else "upload_file",
    )


def purge_cache(url: str) -> Request:
    """
    Purge a delivery URL from the caches: ``POST /v1/files/purge``.

    :param url: the URL; it may end with ``*``.
    :raises ImageKitInputError: if it is empty.
    """
    return _post("/v1/files/purge", {"url": parse_text(url, "url")}, "purge_cache")


def purge_status(request_id: str) -> Request:
    """Request the status of a purge: ``GET /v1/files/purge/{requestId}``."""
    return Request(f"/v1/files/purge/{id_segment(request_id, 'request_id')}", {}, dict)


def copy_folder(source: str, destination: str, *, include_versions: bool = False) -> Request:
    """
    Copy a folder into another one: ``POST /v1/bulkJobs/copyFolder``.

    :param source: path of the folder.
    :param destination: path of the folder to copy it into.
    :param include_versions: whether to copy older versions of the files as well.
    """
    body = _folders(source, destination) | {"includeVersions": include_versions}
    return _post("/v1/bulkJobs/copyFolder", body, "copy_folder")


def move_folder(source: str, destination: str) -> Request:
    """Move a folder into another one: ``POST /v1/bulkJobs/moveFolder``."""
    return _post("/v1/bulkJobs/moveFolder", _folders(source, destination), "move_folder")


def rename_folder(folder: str, new_name: str, *, purge: bool = False) -> Request:
    """
    Rename a folder: ``POST /v1/bulkJobs/renameFolder``.

    :param folder: path of the folder.
    :param new_name: its new name, without a path.
    :param purge: whether to purge the URLs of its files from the caches.
    """
    body = {
        "folderPath": parse_text(folder, "folder"),
        "newFolderName": parse_text(new_name, "new_name"),
        "purgeCache": purge,
    }
    return _post("/v1/bulkJobs/renameFolder", body, "rename_folder")


def folder_job(job_id: str) -> Request:
    """Request the status of a folder job: ``GET /v1/bulkJobs/{jobId}``."""
    return Request(f"/v1/bulkJobs/{id_segment(job_id, 'job_id')}", {}, dict)


def usage(start_date: str, end_date: str) -> Request:
    """
    Request the account's usage: ``GET /v1/accounts/usage``.

    :param start_date: first day, such as ``2026-11-01``.
    :param end_date: the day after the last one, less than 90 days later.
    """
    return Request("/v1/accounts/usage", {"startDate": start_date, "endDate": end_date}, dict)


def custom_metadata_fields() -> Request:
    """Request all custom metadata fields of the account: ``GET /v1/customMetadataFields``."""
    return Request(_FIELDS, {}, list)


def create_custom_metadata_field(name: str, label: str, schema: Mapping[str, Any]) -> Request:
    """
    Create a custom metadata field: ``POST /v1/customMetadataFields``.

    :param name: its name in the API.
    :param label: its name on the dashboard.
    :param schema: such as ``{"type": "Text"}`` or ``{"type": "Date"}``.
    """
    body = {"name": parse_text(name, "name"), "label": parse_text(label, "label"), "schema": dict(schema)}
    return _post(_FIELDS, body, "create_custom_metadata_field")


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _folders(source: str, destination: str) -> dict[str, Any]:
    return {
        "sourceFolderPath": parse_text(source, "source"),
        "destinationPath": parse_text(destination, "destination"),
    }


def _tagging(file_ids: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
    checked = _checked_tags(tags)
    if not checked:
        raise ImageKitInputError("tags is empty.", help="Pass at least one tag.")
    return {"fileIds": _checked_ids(file_ids, MAX_TAGGED_FILES), "tags": checked}


def _checked_ids(file_ids: Sequence[str], maximum: int) -> list[str]:
    if not 1 <= len(file_ids) <= maximum:
        raise ImageKitInputError(f"file_ids has {len(file_ids)} ids.", help=f"Pass 1 to {maximum} ids.")
    return [parse_text(file_id, "file_ids") for file_id in file_ids]


def _checked_tags(tags: Sequence[str]) -> list[str]:
    checked = [parse_text(tag, "tags") for tag in tags]
    if bad := next((tag for tag in checked if "%" in tag or "," in tag), ""):
        raise ImageKitInputError(f"The tag {bad!r} is not valid.", help="Tags must not contain % or a comma.")
    if (length := sum(map(len, checked))) > MAX_TAG_CHARACTERS:
        raise ImageKitInputError(
            f"tags has {length} characters in total.",
            help=f"The tags of a file may have at most {MAX_TAG_CHARACTERS} characters in total.",
        )
    return checked
