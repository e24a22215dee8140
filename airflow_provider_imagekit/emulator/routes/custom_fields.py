"""``/v1/customMetadataFields``: the account's custom metadata fields."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.bodies import json_object, text_of
from airflow_provider_imagekit.emulator.routes.files import json_response

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.account import Account

__all__ = ["FIELD_TYPES", "CustomFields"]

FIELD_TYPES = ("Text", "Textarea", "Number", "Date", "Boolean", "SingleSelect", "MultiSelect")
_MAX_FIELDS = 1000


class CustomFields:
    """
    Creates, lists, changes and deletes an account's custom metadata fields.

    They are lost when the server is closed. If any field exists, custom metadata may only use existing ones.

    :param account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._fields: dict[str, dict[str, Any]] = account.custom_fields

    async def list_fields(self, request: Request) -> Response:
        """``GET``: list all fields in order of creation."""
        if request.query_params.get("includeDeleted", "false") not in ("true", "false"):
            raise ApiError(400, "Your request contains invalid value for includeDeleted parameter.")
        return json_response(list(self._fields.values()))

    async def create(self, request: Request) -> Response:
        """``POST``: create a field."""
        body = await json_object(request)
        name, label = text_of(body, "name"), text_of(body, "label")
        schema = _schema_of(body)
        if schema.get("type") not in FIELD_TYPES:
            raise ApiError(400, f"The schema's type is not one of {', '.join(FIELD_TYPES)}.")
        for key, value in (("name", name), ("label", label)):
            if any(field[key] == value for field in self._fields.values()):
                raise ApiError(400, f"A custom metadata field with this {key} already exists.")
        if len(self._fields) >= _MAX_FIELDS:
            raise ApiError(400, f"An account has at most {_MAX_FIELDS} custom metadata fields.")
        field: dict[str, Any] = {"id": secrets.token_hex(12), "name": name, "label": label, "schema": schema}
        self._fields[field["id"]] = field
        return json_response(field, 201)

    async def update(self, request: Request, field_id: str) -> Response:
        """``PATCH``: change the label or the schema; the type cannot be changed."""
        body = await json_object(request)
        if not body or not body.keys() <= {"label", "schema"}:
            raise ApiError(400, "Your request is missing the label or schema parameter.")
        changes: dict[str, Any] = {}
        if "label" in body:
            changes["label"] = text_of(body, "label")
        field = self._field(field_id)
        if "schema" in body:
            changes["schema"] = {**_schema_of(body), "type": field["schema"]["type"]}
        self._fields[field_id] = {**field, **changes}
        return json_response(self._fields[field_id])

    async def delete(self, _request: Request, field_id: str) -> Response:
        """``DELETE``: delete a field; custom metadata of files is kept."""
        self._field(field_id)
        del self._fields[field_id]
        return Response(status_code=204)

    def _field(self, field_id: str) -> dict[str, Any]:
        field = self._fields.get(field_id)
        if field is None:
            raise ApiError(404, "No such custom metadata field exists.")
        return field


def _schema_of(body: dict[str, Any]) -> dict[str, Any]:
    schema = body.get("schema")
    if not isinstance(schema, dict):
        raise ApiError(400, "Your request contains invalid value for schema parameter.")
    return dict(schema)
