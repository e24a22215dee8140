"""OpenAPI operations of the endpoints for bulk changes, folder jobs and account settings."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.description.parts import (
    HEADERS,
    TAG,
    Operation,
    json_content,
    named,
    operation,
    parameter,
    responses_of,
)
from airflow_provider_imagekit.emulator.description.schemas import ID, Schema
from airflow_provider_imagekit.emulator.routes.bulk import MAX_DELETED_FILES, MAX_TAGGED_FILES
from airflow_provider_imagekit.emulator.routes.custom_fields import FIELD_TYPES
from airflow_provider_imagekit.emulator.webhooks.book import EVENT_TYPES

__all__ = ["WRITES"]


def _body(properties: dict[str, Schema], required: list[str] | None = None) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required or list(properties)}
    return {"content": json_content(schema), "required": True}


def _ids(maximum: int) -> Schema:
    return {"type": "array", "items": ID, "minItems": 1, "maxItems": maximum}


def _bulk(name: str, summary: str, schema: str, properties: dict[str, Schema]) -> Operation:
    mixed = {"description": "Some files failed.", "content": json_content(named(schema)), "headers": HEADERS}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": _body(properties),
        "responses": {**responses_of(schema), "207": mixed},
    }


def _folder_job(
    name: str, summary: str, properties: dict[str, Schema], required: list[str] | None = None
) -> Operation:
    status = {"operationId": "folderJobStatus", "parameters": {"job_id": "$response.body#/jobId"}}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": _body(properties, required),
        "responses": responses_of("FolderJob", (400, 401, 403, 404, 423, 429), {"folderJobStatus": status}),
    }


_FIELD: Schema = {"type": "object", "properties": {"type": {"enum": list(FIELD_TYPES)}}}
_FIELD_ID = parameter("path", "field_id", ID, "Id of the field.", required=True)
_WORD: Schema = {"type": "string", "pattern": r"\S"}
_CHANGED_FIELD: Schema = {
    "type": "object",
    "properties": {"label": _WORD, "schema": {"type": "object"}},
    "additionalProperties": False,
}
_BOOLEAN: Schema = {"type": "boolean"}
_DATE: Schema = {"type": "string", "format": "date"}
_INTO = {"sourceFolderPath": _WORD, "destinationPath": _WORD}
_TAGGED = {"fileIds": _ids(MAX_TAGGED_FILES), "tags": {"type": "array", "items": TAG, "minItems": 1}}

_WEBHOOK: dict[str, Schema] = {
    "endpoint": {"type": "string", "pattern": "^https?://", "description": "On this machine."},
    "events": {"type": "array", "items": {"enum": list(EVENT_TYPES)}, "minItems": 1},
    "enabled": _BOOLEAN,
}
_WEBHOOK_ID = parameter("path", "webhook_id", ID, "Id of the webhook.", required=True)

#: Operations by method and path; all of them require the private key.
WRITES: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/files/addTags"): _bulk("addTags", "Add tags to files", "BulkUpdate", _TAGGED),
    ("POST", "/v1/files/removeTags"): _bulk("removeTags", "Remove tags from files", "BulkUpdate", _TAGGED),
    ("POST", "/v1/files/batch/deleteByFileIds"): _bulk(
        "deleteFiles", "Delete files", "BulkDeletion", {"fileIds": _ids(MAX_DELETED_FILES)}
    ),
    ("POST", "/v1/files/purge"): {
        "operationId": "purge",
        "summary": "Purge a URL from the cache",
        "requestBody": _body({"url": _WORD}),
        "responses": responses_of(
            "Purge",
            (400, 401, 403, 429),
            {
                "purgeStatus": {
                    "operationId": "purgeStatus",
                    "parameters": {"request_id": "$response.body#/requestId"},
                }
            },
            status="201",
        ),
    },
    ("GET", "/v1/files/purge/{request_id}"): operation(
        "purgeStatus",
        "Status of a purge",
        "PurgeStatus",
        parameter("path", "request_id", ID, "Id of the purge.", required=True),
    ),
    ("POST", "/v1/bulkJobs/copyFolder"): _folder_job(
        "copyFolder", "Copy a folder into another", {**_INTO, "includeVersions": _BOOLEAN}, list(_INTO)
    ),
    ("POST", "/v1/bulkJobs/moveFolder"): _folder_job("moveFolder", "Move a folder into another", _INTO),
    ("POST", "/v1/bulkJobs/renameFolder"): _folder_job(
        "renameFolder",
        "Rename a folder",
        {"folderPath": _WORD, "newFolderName": _WORD, "purgeCache": _BOOLEAN},
        ["folderPath", "newFolderName"],
    ),
    ("GET", "/v1/bulkJobs/{job_id}"): operation(
        "folderJobStatus",
        "Status of a folder job",
        "FolderJobStatus",
        parameter("path", "job_id", ID, "Id of the job.", required=True),
    ),
    ("GET", "/v1/customMetadataFields"): operation(
        "customFields",
        "Custom metadata fields",
        "CustomFields",
        parameter("query", "includeDeleted", {"enum": ["true", "false"]}, "Has no effect here."),
    ),
    ("POST", "/v1/customMetadataFields"): {
        "operationId": "createCustomField",
        "summary": "Create a custom metadata field",
        "requestBody": _body({"name": _WORD, "label": _WORD, "schema": {**_FIELD, "required": ["type"]}}),
        "responses": responses_of(
            "CustomField",
            (400, 401, 403, 429),
            {
                name: {"operationId": name, "parameters": {"field_id": "$response.body#/id"}}
                for name in ("updateCustomField", "deleteCustomField")
            },
            status="201",
        ),
    },
    ("PATCH", "/v1/customMetadataFields/{field_id}"): {
        **operation("updateCustomField", "Change a custom metadata field", "CustomField", _FIELD_ID),
        "requestBody": {"content": json_content({**_CHANGED_FIELD, "minProperties": 1}), "required": True},
    },
    ("DELETE", "/v1/customMetadataFields/{field_id}"): {
        "operationId": "deleteCustomField",
        "summary": "Delete a custom metadata field",
        "parameters": [_FIELD_ID],
        "responses": {
            **responses_of("CustomField", status="204"),
            "204": {"description": "Deleted.", "headers": HEADERS},
        },
    },
    ("GET", "/v1/accounts/webhooks"): operation("webhooks", "Webhooks", "Webhooks"),
    ("POST", "/v1/accounts/webhooks"): {
        "operationId": "createWebhook",
        "summary": "Create a webhook",
        "requestBody": _body(_WEBHOOK, ["endpoint", "events"]),
        "responses": responses_of(
            "Webhook",
            (400, 401, 403, 429),
            {
                name: {"operationId": name, "parameters": {"webhook_id": "$response.body#/id"}}
                for name in ("webhook", "updateWebhook", "deleteWebhook")
            },
            status="201",
        ),
    },
    ("GET", "/v1/accounts/webhooks/{webhook_id}"): operation("webhook", "A webhook", "Webhook", _WEBHOOK_ID),
    ("PATCH", "/v1/accounts/webhooks/{webhook_id}"): {
        **operation("updateWebhook", "Change a webhook", "Webhook", _WEBHOOK_ID),
        "requestBody": {
            "content": json_content({"type": "object", "properties": _WEBHOOK}),
            "required": True,
        },
    },
    ("DELETE", "/v1/accounts/webhooks/{webhook_id}"): {
        "operationId": "deleteWebhook",
        "summary": "Delete a webhook",
        "parameters": [_WEBHOOK_ID],
        "responses": {
            **responses_of("Webhook", status="204"),
            "204": {"description": "Deleted.", "headers": HEADERS},
        },
    },
    ("GET", "/v1/accounts/usage"): operation(
        "usage",
        "Usage counters of the account",
        "Usage",
        parameter("query", "startDate", _DATE, "First day.", required=True),
        parameter("query", "endDate", _DATE, "Last day, less than 90 days later.", required=True),
    ),
}
