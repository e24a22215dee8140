"""Building blocks of the description: answers, refusals, parameters."""

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
        "X-RateLimit-Limit": "Requests that an interval lets through.",
        "X-RateLimit-Reset": "Milliseconds until the endpoint answers again; 0 while it does.",
        "X-RateLimit-Interval": "Length of the interval in milliseconds.",
    }.items()
}
HEADERS = {
    **_LIMIT_HEADERS,
    "x-ik-requestId": {"schema": TEXT, "required": True, "description": "Identifies the request."},
}
_REFUSALS = {
    400: "A parameter is not valid, or the file cannot be read.",
    401: "The request carries no private key.",
    403: "The private key is wrong or has expired.",
    423: "A job holds the folder.",
    404: "There is no such file, version or endpoint.",
    429: "A rate limit is reached.",
}


def json_content(schema: Schema) -> dict[str, Any]:
    """Return the content of a body in JSON."""
    return {"application/json": {"schema": schema}}


def named(name: str) -> Schema:
    """Return a reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(place: str, name: str, schema: Schema, text: str, *, required: bool = False) -> dict[str, Any]:
    """Return a parameter; ``place`` is ``path`` or ``query``."""
    return {"name": name, "in": place, "schema": schema, "description": text, "required": required}


def responses_of(
    answer: str,
    refusals: tuple[int, ...] = (400, 401, 403, 404, 429),
    links: dict[str, Any] | None = None,
    status: str = "200",
) -> dict[str, Any]:
    """
    Return the responses of an operation.

    :param answer: name of the answer's schema.
    :param refusals: statuses of its errors.
    :param links: what can be done next with the answer.
    :param status: status of the answer.
    """
    responses = {
        status: {
            "description": "Done.",
            "content": json_content(named(answer)),
            "headers": HEADERS,
            "links": links or {},
        }
    }
    for refusal in refusals:
        responses[str(refusal)] = {
            "description": _REFUSALS[refusal],
            "content": json_content(named("Error")),
            "headers": HEADERS,
        }
    return responses


def operation(name: str, summary: str, answer: str, *parameters: dict[str, Any]) -> Operation:
    """Return an operation without a body."""
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": responses_of(answer),
    }


FILE_ID = parameter("path", "file_id", ID, "Id of the file.", required=True)
TAG = {"type": "string", "pattern": "^[^%]*$", "description": "All tags: 500 characters at most."}
