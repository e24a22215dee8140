"""What can be asked of the API: parameters and outcomes of every endpoint."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.description.schemas import ID, TEXT, Schema
from airflow_provider_imagekit.emulator.routes.attributes import COORDINATES
from airflow_provider_imagekit.emulator.routes.listing import FILE_TYPES, MAX_LIMIT, SORTS, TYPES

__all__ = ["API", "OPEN"]

Operation = dict[str, Any]

_LIMIT_HEADERS = {
    name: {"schema": {"type": "integer", "minimum": 0}, "required": True, "description": text}
    for name, text in {
        "X-RateLimit-Limit": "Requests that an interval lets through.",
        "X-RateLimit-Reset": "Milliseconds until the endpoint answers again; 0 while it does.",
        "X-RateLimit-Interval": "Length of the interval in milliseconds.",
    }.items()
}
_HEADERS = {
    **_LIMIT_HEADERS,
    "x-ik-requestId": {"schema": TEXT, "required": True, "description": "Identifies the request."},
}
_REFUSALS = {
    400: "A parameter is not valid, or the file cannot be read.",
    401: "The request carries no private key.",
    403: "The private key is wrong or has expired.",
    404: "There is no such file, version or endpoint.",
    429: "A rate limit is reached.",
}
_FLAG = {"enum": ["true", "false"]}


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(place: str, name: str, schema: Schema, text: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema, "description": text, "required": required}


def _responses(
    answer: str,
    refusals: tuple[int, ...] = (400, 401, 403, 404, 429),
    links: dict[str, Any] | None = None,
) -> dict[str, Any]:
    responses = {
        "200": {
            "description": "Done.",
            "content": _json(_named(answer)),
            "headers": _HEADERS,
            "links": links or {},
        }
    }
    for status in refusals:
        responses[str(status)] = {
            "description": _REFUSALS[status],
            "content": _json(_named("Error")),
            "headers": _HEADERS,
        }
    return responses


def _operation(name: str, summary: str, answer: str, *parameters: dict[str, Any]) -> Operation:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": _responses(answer),
    }


_FILE_ID = _parameter("path", "file_id", ID, "Id of the file.", required=True)
_VERSION_ID = _parameter("path", "version_id", ID, "Id of the version.", required=True)
_LISTING = [
    _parameter("query", "type", {"enum": list(TYPES), "default": "file"}, "What to list."),
    _parameter("query", "sort", {"enum": list(SORTS), "default": "ASC_CREATED"}, "Order."),
    _parameter("query", "path", TEXT, "Folder, without those below it."),
    _parameter("query", "searchQuery", TEXT, "Search; overrules type, tags and name."),
    _parameter("query", "fileType", {"enum": list(FILE_TYPES), "default": "all"}, "Images, others, or all."),
    _parameter("query", "name", TEXT, "Exact name."),
    _parameter("query", "tags", TEXT, "Tags, separated by commas; one of them is enough."),
    _parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, "Size of a page."),
    _parameter("query", "skip", {"type": "integer", "minimum": 0}, "How many assets to skip."),
]
_COORDINATES = {"type": "string", "pattern": f"^({COORDINATES})?$", "description": "x,y,width,height"}
_TAG = {"type": "string", "pattern": "^[^%]*$", "description": "All tags: 500 characters at most."}
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
        "tags": {"type": ["array", "null"], "items": _TAG},
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

# What can be done next with the file that an upload made.
_LINKS = {
    name: {"operationId": name, "parameters": {"file_id": "$response.body#/fileId"}}
    for name in ("fileMetadata", "fileDetails", "updateFileDetails", "fileVersions", "deleteFile")
}

#: Method and path of every endpoint that asks for the key.
API: dict[tuple[str, str], Operation] = {
    ("GET", "/v1/metadata"): _operation(
        "urlMetadata",
        "Metadata of the picture at a URL",
        "Metadata",
        _parameter(
            "query", "url", {"type": "string", "minLength": 1}, "Below a URL endpoint.", required=True
        ),
    ),
    ("GET", "/v1/files"): _operation("listAssets", "Files and folders", "Assets", *_LISTING),
    ("GET", "/v1/files/{file_id}/metadata"): _operation(
        "fileMetadata", "Metadata of a file", "Metadata", _FILE_ID
    ),
    ("GET", "/v1/files/{file_id}/details"): _operation("fileDetails", "A file", "File", _FILE_ID),
    ("PATCH", "/v1/files/{file_id}/details"): {
        **_operation("updateFileDetails", "Change what is attached to a file", "File", _FILE_ID),
        "requestBody": {"content": _json(_UPDATE)},
    },
    ("GET", "/v1/files/{file_id}/versions"): _operation(
        "fileVersions", "Versions of a file", "Versions", _FILE_ID
    ),
    ("GET", "/v1/files/{file_id}/versions/{version_id}"): _operation(
        "fileVersion", "A version of a file", "File", _FILE_ID, _VERSION_ID
    ),
    ("DELETE", "/v1/files/{file_id}"): {
        "operationId": "deleteFile",
        "summary": "Delete a file with all its versions",
        "parameters": [_FILE_ID],
        "responses": {
            **{status: answer for status, answer in _responses("File").items() if status != "200"},
            "204": {"description": "Deleted.", "headers": _HEADERS},
        },
    },
    ("POST", "/api/v1/files/upload"): {
        "operationId": "upload",
        "summary": "A new file, or a new version of one",
        "requestBody": {"content": {"multipart/form-data": {"schema": _UPLOAD}}, "required": True},
        "responses": _responses("Upload", (400, 401, 403), _LINKS),
    },
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
            _parameter("query", "page", TEXT, "Number of the page, from 1; anything else stands for 1."),
            _parameter("query", "search", TEXT, "Part of a path, or an id."),
        ],
        "responses": {"200": {"description": "A page.", "content": {"text/html": {"schema": TEXT}}}},
    },
    ("GET", "/{imagekit_id}/{file_path}"): {
        "summary": "A picture, transformed if the URL says so",
        "parameters": [
            _parameter("path", "file_path", {"type": "string", "minLength": 1}, "Path.", required=True),
            _parameter("query", "tr", TEXT, "Transformation."),
            _parameter("query", "ik-obj-version", TEXT, "Id of an older version."),
            _parameter("query", "ik-s", TEXT, "Signature."),
            _parameter("query", "ik-t", TEXT, "Unix time in seconds until which the signature holds."),
        ],
        "responses": {
            "200": {"description": "The file.", "content": {"*/*": {}}},
            "400": {"description": "The transformation is not valid, or the file is corrupt.", **_REFUSED},
            "401": {"description": "A valid signature is missing.", **_REFUSED},
            "404": {"description": "There is no such file.", **_REFUSED},
        },
    },
}
