"""
JSON schemas of the responses.

They follow the vendor's OpenAPI description (names, types, keys of every example), as far as the emulator
implements it. Keys that the vendor does not document are not allowed.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.webhooks.book import EVENT_TYPES

__all__ = ["ASSETS", "ERROR", "FILE", "FOLDER", "METADATA", "SCHEMAS", "UPLOAD", "VERSIONS", "Schema"]

Schema = dict[str, Any]

ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
ADDRESS: Schema = {"type": "string", "format": "uri", "pattern": "^https?://"}
TAGS: Schema = {"type": ["array", "null"], "items": TEXT}
VERSION: Schema = {
    "type": "object",
    "properties": {"id": ID, "name": {"type": "string", "pattern": r"^Version \d+$"}},
    "required": ["id", "name"],
    "additionalProperties": False,
}
VIDEO: dict[str, Schema] = {"bitRate": WHOLE, "duration": WHOLE, "audioCodec": TEXT, "videoCodec": TEXT}

EXIF_SECTION: Schema = {
    "type": "object",
    "additionalProperties": {
        "type": ["string", "number", "null", "array"],
        "items": {"type": ["number", "null"]},
    },
}
EXIF: Schema = {
    "type": "object",
    "properties": dict.fromkeys(
        ("image", "thumbnail", "exif", "gps", "interoperability", "makernote"), EXIF_SECTION
    ),
    "additionalProperties": False,
}

METADATA: Schema = {
    "type": "object",
    "properties": {
        "height": WHOLE,
        "width": WHOLE,
        "size": WHOLE,
        "format": TEXT,
        "hasColorProfile": FLAG,
        "quality": WHOLE,
        "density": WHOLE,
        "hasTransparency": FLAG,
        "pHash": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "exif": EXIF,
        **VIDEO,
    },
    "required": ["size"],
    "additionalProperties": False,
}

FILE: Schema = {
    "type": "object",
    "properties": {
        "type": {"enum": ["file", "file-version"]},
        "fileId": ID,
        "name": TEXT,
        "filePath": {"type": "string", "pattern": "^/"},
        "tags": TAGS,
        "AITags": {"type": "null"},
        "versionInfo": VERSION,
        "isPrivateFile": FLAG,
        "isPublished": FLAG,
        "customCoordinates": TEXT_OR_NULL,
        "url": ADDRESS,
        "thumbnail": ADDRESS,
        "fileType": {"enum": ["image", "non-image"]},
        "mime": TEXT,
        "width": WHOLE,
        "height": WHOLE,
        "size": WHOLE,
        "hasAlpha": FLAG,
        "customMetadata": {"type": "object"},
        "embeddedMetadata": {"type": "object"},
        "description": TEXT,
        "createdAt": TIME,
        "updatedAt": TIME,
        **VIDEO,
    },
    "required": [
        "type", "fileId", "name", "filePath", "tags", "AITags", "versionInfo", "isPrivateFile", "url",
        "thumbnail", "fileType", "mime", "size", "hasAlpha", "customCoordinates", "customMetadata",
        "createdAt", "updatedAt",
    ],
    "additionalProperties": False,
}  # fmt: skip

FOLDER: Schema = {
    "type": "object",
    "properties": {
        "type": {"const": "folder"},
        "folderId": ID,
        "name": TEXT,
        "folderPath": {"type": "string", "pattern": "^/"},
        "customMetadata": {"type": "object"},
        "createdAt": TIME,
        "updatedAt": TIME,
    },
    "required": ["type", "folderId", "name", "folderPath", "createdAt", "updatedAt"],
    "additionalProperties": False,
}

UPLOAD: Schema = {
    "type": "object",
    "properties": {
        "fileId": ID,
        "name": TEXT,
        "filePath": {"type": "string", "pattern": "^/"},
        "url": ADDRESS,
        "thumbnailUrl": ADDRESS,
        "height": WHOLE,
        "width": WHOLE,
        "size": WHOLE,
        "tags": TAGS,
        "AITags": {"type": "null"},
        "versionInfo": VERSION,
        "isPrivateFile": FLAG,
        "isPublished": FLAG,
        "customCoordinates": TEXT_OR_NULL,
        "fileType": {"enum": ["image", "non-image"]},
        "customMetadata": {"type": "object"},
        "embeddedMetadata": {"type": "object"},
        "metadata": METADATA,
        "description": TEXT,
        **VIDEO,
    },
    "required": ["fileId", "name", "size", "versionInfo", "filePath", "url", "fileType", "AITags"],
    "additionalProperties": False,
}

ASSETS: Schema = {"type": "array", "items": {"oneOf": [FILE, FOLDER]}}
VERSIONS: Schema = {"type": "array", "items": FILE, "minItems": 1}


JOB_STATUS: Schema = {"enum": ["Pending", "Completed"]}


def _object(properties: dict[str, Schema], *optional: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


CUSTOM_FIELD: Schema = _object(
    {"id": ID, "name": TEXT, "label": TEXT, "schema": {"type": "object", "required": ["type"]}}
)

WEBHOOK: Schema = _object(
    {
        "id": ID,
        "endpoint": ADDRESS,
        "events": {"type": "array", "items": {"enum": list(EVENT_TYPES)}, "minItems": 1},
        "enabled": FLAG,
        "secret": {"type": "string", "pattern": "^whsec_"},
        "createdAt": TIME,
        "updatedAt": TIME,
    }
)


def _bulk(key: str) -> Schema:
    error = {
        "type": "object",
        "properties": {"fileId": ID, "error": TEXT},
        "required": ["fileId", "error"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {key: {"type": "array", "items": ID}, "errors": {"type": "array", "items": error}},
        "required": [key],
        "additionalProperties": False,
    }


ERROR: Schema = {
    "type": "object",
    "properties": {
        "message": TEXT,
        "help": TEXT,
        "type": TEXT,
        "reason": TEXT,
        "errors": {"type": "object"},
        "missingFileIds": {"type": "array", "items": ID},
    },
    "required": ["message"],
    "additionalProperties": False,
}

#: Schemas by their names in the OpenAPI description.
SCHEMAS: dict[str, Schema] = {
    "Metadata": METADATA,
    "File": FILE,
    "Folder": FOLDER,
    "Assets": ASSETS,
    "Versions": VERSIONS,
    "Upload": UPLOAD,
    "BulkUpdate": _bulk("successfullyUpdatedFileIds"),
    "BulkDeletion": _bulk("successfullyDeletedFileIds"),
    "CustomField": CUSTOM_FIELD,
    "CustomFields": {"type": "array", "items": CUSTOM_FIELD},
    "Purge": _object({"requestId": ID}),
    "PurgeStatus": _object({"status": JOB_STATUS}),
    "FolderJob": _object({"jobId": ID}),
    "FolderJobStatus": _object(
        {
            "jobId": ID,
            "type": {"enum": ["COPY_FOLDER", "MOVE_FOLDER", "RENAME_FOLDER"]},
            "status": JOB_STATUS,
            "purgeRequestId": ID,
        },
        "purgeRequestId",
    ),
    "Usage": _object(
        dict.fromkeys(
            (
                "bandwidthBytes",
                "extensionUnitsCount",
                "mediaLibraryStorageBytes",
                "originalCacheStorageBytes",
                "videoProcessingUnitsCount",
            ),
            WHOLE,
        )
    ),
    "Webhook": WEBHOOK,
    "Webhooks": {"type": "array", "items": WEBHOOK},
    "Error": ERROR,
}
