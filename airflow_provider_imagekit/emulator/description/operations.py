"""OpenAPI operations of all endpoints: parameters and responses."""

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
    parameter("query", "type", {"enum": list(TYPES), "default": "file"}, "Type of the assets."),
    parameter("query", "sort", {"enum": list(SORTS), "default": "ASC_CREATED"}, "Order."),
    parameter("query", "path", TEXT, "Folder, without its subfolders."),
    parameter("query", "searchQuery", TEXT, "Search query; overrides type, tags and name."),
    parameter("query", "fileType", {"enum": list(FILE_TYPES), "default": "all"}, "Images, others, or all."),
    parameter("query", "name", TEXT, "Exact name."),
    parameter("query", "tags", TEXT, "Tags, separated by commas; an asset needs one of them."),
    parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, "Page size."),
    parameter("query", "skip", {"type": "integer", "minimum": 0}, "Number of assets to skip."),
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
        "file": {"type": "string", "format": "binary", "description": "Content, base64, or own URL."},
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

_CHANGE_ERRORS = (400, 401, 403, 404, 423, 429)
# Operations on an uploaded file.
_LINKS = {
    name: {"operationId": name, "parameters": {"file_id": "$response.body#/fileId"}}
    for name in ("fileMetadata", "fileDetails", "updateFileDetails", "fileVersions", "deleteFile")
}

#: Operations that require the private key, by method and path.
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
        "summary": "Change the attributes of a file",
        "parameters": [FILE_ID],
        "responses": responses_of("File", _CHANGE_ERRORS),
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
                status: response
                for status, response in responses_of("File", _CHANGE_ERRORS).items()
                if status != "200"
            },
            "204": {"description": "Deleted.", "headers": HEADERS},
        },
    },
    ("POST", "/api/v1/files/upload"): {
        "operationId": "upload",
        "summary": "Upload a file or a new version of a file",
        "requestBody": {"content": {"multipart/form-data": {"schema": _UPLOAD}}, "required": True},
        "responses": responses_of("Upload", (400, 401, 403, 423), _LINKS),
    },
    **WRITES,
}

_IK_ERROR = {
    "content": {"text/plain": {"schema": TEXT}},
    "headers": {"ik-error": {"schema": TEXT, "required": True}},
}
#: Operations that require no key; delivery paths start with the account's id.
OPEN: dict[tuple[str, str], Operation] = {
    ("GET", "/"): {
        "summary": "The library as a web page",
        "parameters": [
            parameter("query", "page", TEXT, "Page number, from 1; invalid values mean 1."),
            parameter("query", "search", TEXT, "Part of a path, or an id."),
        ],
        "responses": {"200": {"description": "A page.", "content": {"text/html": {"schema": TEXT}}}},
    },
    ("GET", "/{imagekit_id}/{file_path}"): {
        "summary": "A picture, transformed as specified in the URL",
        "parameters": [
            parameter("path", "file_path", {"type": "string", "minLength": 1}, "Path.", required=True),
            parameter("query", "tr", TEXT, "Transformation."),
            parameter("query", "ik-obj-version", TEXT, "Id of an older version."),
            parameter("query", "ik-s", TEXT, "Signature."),
            parameter("query", "ik-t", TEXT, "Unix time in seconds at which the signature expires."),
        ],
        "responses": {
            "200": {"description": "The file.", "content": {"*/*": {}}},
            "400": {"description": "The transformation is invalid or the file is corrupt.", **_IK_ERROR},
            "401": {"description": "A valid signature is missing.", **_IK_ERROR},
            "404": {"description": "The file does not exist.", **_IK_ERROR},
        },
    },
}
