"""Building blocks of the OpenAPI description: responses, errors, parameters."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.description.schemas import ID, TEXT, Schema

__all__ = [
    "FILE_ID",
    "HEADERS",
    "TAG",
    "Operation",
    "json_content",
    "named",
    "operation",
    "parameter",
    "responses_of",
]

Operation = dict[str, Any]

_LIMIT_HEADERS = {
    name: {"schema": {"type": "integer", "minimum": 0}, "required": True, "description": text}
    for name, text in {
        "X-RateLimit-Limit": "Requests allowed per interval.",
        "X-RateLimit-Reset": "Milliseconds until requests are allowed again; 0 while they are allowed.",
        "X-RateLimit-Interval": "Length of the interval in milliseconds.",
    }.items()
}
HEADERS = {
    **_LIMIT_HEADERS,
    "x-ik-requestId": {"schema": TEXT, "required": True, "description": "Identifies the request."},
}
_ERRORS = {
    400: "A parameter is invalid, or the file cannot be read.",
    401: "The private key is missing.",
    403: "The private key is wrong or has expired.",
    423: "A job locks the folder.",
    404: "The file, version or endpoint does not exist.",
    429: "A rate limit is reached.",
}


def json_content(schema: Schema) -> dict[str, Any]:
    """Return the content object of a JSON body."""
    return {"application/json": {"schema": schema}}


def named(name: str) -> Schema:
    """Return a reference to a schema in the description."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(place: str, name: str, schema: Schema, text: str, *, required: bool = False) -> dict[str, Any]:
    """Return a parameter; ``place`` is ``path`` or ``query``."""
    return {"name": name, "in": place, "schema": schema, "description": text, "required": required}


def responses_of(
    schema: str,
    errors: tuple[int, ...] = (400, 401, 403, 404, 429),
    links: dict[str, Any] | None = None,
    status: str = "200",
) -> dict[str, Any]:
    """
    Return the responses of an operation.

    :param schema: name of the response's schema.
    :param errors: statuses of its errors.
    :param links: OpenAPI links to subsequent operations.
    :param status: status of a successful response.
    """
    responses = {
        status: {
            "description": "Success.",
            "content": json_content(named(schema)),
            "headers": HEADERS,
            "links": links or {},
        }
    }
    for error in errors:
        responses[str(error)] = {
            "description": _ERRORS[error],
            "content": json_content(named("Error")),
            "headers": HEADERS,
        }
    return responses


def operation(name: str, summary: str, schema: str, *parameters: dict[str, Any]) -> Operation:
    """Return an operation without a body."""
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": responses_of(schema),
    }


FILE_ID = parameter("path", "file_id", ID, "Id of the file.", required=True)
TAG = {"type": "string", "pattern": "^[^%]*$", "description": "All tags together: at most 500 characters."}
