"""What can be asked of the API: parameters and outcomes of every endpoint."""

from __future__ import annotations

from airflow_provider_imagekit.emulator.description.parts import (
    FILE_ID,
    HEADERS,
    TAG,
    Operation,
    json_content,
    operation,
    parameter,
    responses_of,
)
from airflow_provider_imagekit.emulator.description.schemas import ID, TEXT
from airflow_provider_imagekit.emulator.description.writes import WRITES
from airflow_provider_imagekit.emulator.routes.attributes import COORDINATES
from airflow_provider_imagekit.emulator.routes.listing import FILE_TYPES, MAX_LIMIT, SORTS, TYPES

__all__ = ["API", "OPEN"]

_FLAG = {"enum": ["true", "false"]}
_VERSION_ID = parameter("path", "version_id", ID, "Id of the version.", required=True)
_LISTING = [
    parameter("query", "type", {"enum": list(TYPES), "default": "file"}, "What to list."),
    parameter("query", "sort", {"enum": list(SORTS), "default": "ASC_CREATED"}, "Order."),
    parameter("query", "path", TEXT, "Folder, without those below it."),
    parameter("query", "searchQuery", TEXT, "Search; overrules type, tags and name."),
    parameter("query", "fileType", {"enum": list(FILE_TYPES), "default": "all"}, "Images, others, or all."),
    parameter("query", "name", TEXT, "Exact name."),
    parameter("query", "tags", TEXT, "Tags, separated by commas; one of them is enough."),
    parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, "Size of a page."),
    parameter("query", "skip", {"type": "integer", "minimum": 0}, "How many assets to skip."),
]
_COORDINATES = {"type": "string", "pattern": f"^({COORDINATES})?$", "description": "x,y,width,height"}
_SIMPLE = {"type": ["string", "number", "boolean", "null"]}
_CUSTOM_METADATA = {
    "type": "object",
    "additionalProperties": {
        "type": ["string", "number", "boolean", "null", "array"],
        "items": _SIMPLE,
    },
}
_UPDATE = {
    "type": "object",
    "properties": {
        "tags": {"type": ["array", "null"], "items": TAG},
        "customCoordinates": {"anyOf": [_COORDINATES, {"type": "null"}]},
        "customMetadata": _CUSTOM_METADATA,
        "description": TEXT,
        "publish": {
            "type": "object",
            "properties": {"isPublished": {"type": "boolean"}, "includeFileVersions": {"type": "boolean"}},
            "required": ["isPublished"],
        },
    },
}
_UPLOAD = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "Content, base64 or one of the URLs."},
        "fileName": {"type": "string", "minLength": 1},
        "folder": TEXT,
        "tags": TEXT,
        "customCoordinates": _COORDINATES,
        "customMetadata": {"type": "string", "description": "A JSON object."},
        "description": TEXT,
        "responseFields": TEXT,
        "transformation": {"type": "string", "description": 'JSON: {"pre": "w-400"}'},
        **dict.fromkeys(
            (
                "useUniqueFileName", "overwriteFile", "overwriteTags", "overwriteCustomMetadata",
                "isPrivateFile", "isPublished",
            ),
            _FLAG,
        ),
    },
    "required": ["file", "fileName"],
}  # fmt: skip

_CHANGE_REFUSALS = (400, 401, 403, 404, 423, 429)
# What can be done next with the file that an upload made.
_LINKS = {
    name: {"operationId": name, "parameters": {"file_id": "$response.body#/fileId"}}
    for name in ("fileMetadata", "fileDetails", "updateFileDetails", "fileVersions", "deleteFile")
}

#: Method and path of every endpoint that asks for the key.
API: dict[tuple[str, str], Operation] = {
    ("GET", "/v1/metadata"): operation(
        "urlMetadata",
        "Metadata of the picture at a URL",
        "Metadata",
        parameter("query", "url", {"type": "string", "minLength": 1}, "Below a URL endpoint.", required=True),
    ),
    ("GET", "/v1/files"): operation("listAssets", "Files and folders", "Assets", *_LISTING),
    ("GET", "/v1/files/{file_id}/metadata"): operation(
        "fileMetadata", "Metadata of a file", "Metadata", FILE_ID
    ),
    ("GET", "/v1/files/{file_id}/details"): operation("fileDetails", "A file", "File", FILE_ID),
    ("PATCH", "/v1/files/{file_id}/details"): {
        "operationId": "updateFileDetails",
        "summary": "Change what is attached to a file",
        "parameters": [FILE_ID],
        "responses": responses_of("File", _CHANGE_REFUSALS),
        "requestBody": {"content": json_content(_UPDATE)},
    },
    ("GET", "/v1/files/{file_id}/versions"): operation(
        "fileVersions", "Versions of a file", "Versions", FILE_ID
    ),
    ("GET", "/v1/files/{file_id}/versions/{version_id}"): operation(
        "fileVersion", "A version of a file", "File", FILE_ID, _VERSION_ID
    ),
    ("DELETE", "/v1/files/{file_id}"): {
        "operationId": "deleteFile",
        "summary": "Delete a file with all its versions",
        "parameters": [FILE_ID],
        "responses": {
            **{
                status: answer
                for status, answer in responses_of("File", _CHANGE_REFUSALS).items()
                if status != "200"
            },
            "204": {"description": "Deleted.", "headers": HEADERS},
        },
    },
    ("POST", "/api/v1/files/upload"): {
        "operationId": "upload",
        "summary": "A new file, or a new version of one",
        "requestBody": {"content": {"multipart/form-data": {"schema": _UPLOAD}}, "required": True},
        "responses": responses_of("Upload", (400, 401, 403, 423), _LINKS),
    },
    **WRITES,
}

_REFUSED = {
    "content": {"text/plain": {"schema": TEXT}},
    "headers": {"ik-error": {"schema": TEXT, "required": True}},
}
#: What is open to everyone; the path of a delivery follows the account's name.
OPEN: dict[tuple[str, str], Operation] = {
    ("GET", "/"): {
        "summary": "The library, to look at with a browser",
        "parameters": [
            parameter("query", "page", TEXT, "Number of the page, from 1; anything else stands for 1."),
            parameter("query", "search", TEXT, "Part of a path, or an id."),
        ],
        "responses": {"200": {"description": "A page.", "content": {"text/html": {"schema": TEXT}}}},
    },
    ("GET", "/{imagekit_id}/{file_path}"): {
        "summary": "A picture, transformed if the URL says so",
        "parameters": [
            parameter("path", "file_path", {"type": "string", "minLength": 1}, "Path.", required=True),
            parameter("query", "tr", TEXT, "Transformation."),
            parameter("query", "ik-obj-version", TEXT, "Id of an older version."),
            parameter("query", "ik-s", TEXT, "Signature."),
            parameter("query", "ik-t", TEXT, "Unix time in seconds until which the signature holds."),
        ],
        "responses": {
            "200": {"description": "The file.", "content": {"*/*": {}}},
            "400": {"description": "The transformation is not valid, or the file is corrupt.", **_REFUSED},
            "401": {"description": "A valid signature is missing.", **_REFUSED},
            "404": {"description": "There is no such file.", **_REFUSED},
        },
    },
}
