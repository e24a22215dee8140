"""The endpoints that change many files or the account: parameters and outcomes."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.description.parts import (
    HEADERS,
    TAG,
    Operation,
    json_content,
    named,
    responses_of,
)
from airflow_provider_imagekit.emulator.description.schemas import ID, Schema
from airflow_provider_imagekit.emulator.routes.bulk import MAX_DELETED_FILES, MAX_TAGGED_FILES

__all__ = ["WRITES"]


def _body(properties: dict[str, Schema], required: list[str] | None = None) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required or list(properties)}
    return {"content": json_content(schema), "required": True}


def _ids(maximum: int) -> Schema:
    return {"type": "array", "items": ID, "minItems": 1, "maxItems": maximum}


def _bulk(name: str, summary: str, answer: str, properties: dict[str, Schema]) -> Operation:
    some = {"description": "Some files failed.", "content": json_content(named(answer)), "headers": HEADERS}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": _body(properties),
        "responses": {**responses_of(answer), "207": some},
    }


_TAGGED = {"fileIds": _ids(MAX_TAGGED_FILES), "tags": {"type": "array", "items": TAG, "minItems": 1}}

#: Method and path of the endpoints; all of them ask for the key.
WRITES: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/files/addTags"): _bulk("addTags", "Add tags to files", "BulkUpdate", _TAGGED),
    ("POST", "/v1/files/removeTags"): _bulk("removeTags", "Remove tags from files", "BulkUpdate", _TAGGED),
    ("POST", "/v1/files/batch/deleteByFileIds"): _bulk(
        "deleteFiles", "Delete files", "BulkDeletion", {"fileIds": _ids(MAX_DELETED_FILES)}
    ),
}
