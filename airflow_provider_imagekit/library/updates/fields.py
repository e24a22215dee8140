"""Validates custom metadata with the account's fields, before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from airflow_provider_imagekit.arguments import meant
from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = ["FieldSchemas", "field_schemas"]


def field_schemas(fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """
    Return the schemas of the fields to create, sorted by name.

    :param fields: for each name a type, such as ``Text``, or a complete schema.
    :raises ImageKitInputError: if ImageKit has no such type.
    """
    schemas = {
        name: dict(fields[name]) if isinstance(fields[name], Mapping) else {"type": fields[name]}
        for name in sorted(fields)
    }
    for name, schema in schemas.items():
        if str(schema.get("type")) not in _READERS:
            raise ImageKitInputError(
                f"create_fields: {schema.get('type')!r:.60} is not a valid type for the field {name!r}.",
                help=f"Use one of {', '.join(_READERS)}.",
            )
    return schemas


class FieldSchemas:
    """
    The account's custom metadata fields.

    :param fields: as ImageKit lists them: ``name`` and ``schema``.
    :param wanted: schemas by name of fields to create if they are missing.
    """

    def __init__(
        self, fields: Iterable[Mapping[str, Any]], wanted: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        existing = {str(field.get("name")): dict(field.get("schema") or {}) for field in fields}
        #: Schemas by name of the fields to create.
        self.missing = {name: schema for name, schema in (wanted or {}).items() if name not in existing}
        self._schemas = existing | self.missing

    def fit(self, values: Mapping[str, Any], where: str) -> dict[str, Any]:
        """
        Return values converted to the types of the fields; fields whose value is ``None`` are left out.

        :param values: values by field.
        :param where: where they come from, for the error.
        :raises ImageKitInputError: if a field is unknown or read-only, or a value is not valid for it.
        """
        return {name: self._value(name, value, where) for name, value in values.items() if value is not None}

    def check_names(self, names: Iterable[str]) -> None:
        """
        Check that fields can be written.

        :param names: names of fields.
        :raises ImageKitInputError: if a field is unknown or read-only.
        """
        for name in names:
            if name not in self._schemas:
                known = f"{meant(name, self._schemas)}It has: {', '.join(self._schemas)}."
                raise ImageKitInputError(
                    f"The account has no custom metadata field {name!r}.",
                    help=known if self._schemas else "It has no fields; create_fields creates them.",
                )
            if self._schemas[name].get("readOnly"):
                raise ImageKitInputError(
                    f"The custom metadata field {name!r} is read-only.",
                    help="A path policy of the account makes it read-only; leave the field out.",
                )

    def _value(self, name: str, value: Any, where: str) -> Any:
        self.check_names([name])
        schema = self._schemas[name]
        kind = str(schema.get("type"))
        fitting = _READERS.get(kind, _any)(value, schema)
        if fitting is None:
            raise ImageKitInputError(
                f"{where}: {value!r:.60} is not a valid value of the field {name!r}.",
                help=f"The field has the type {kind}{_options(schema)}.",
            )
        return fitting


def _options(schema: Mapping[str, Any]) -> str:
    options = schema.get("selectOptions")
    return f": {', '.join(map(str, options[:20]))}" if isinstance(options, list) else ""


def _any(value: Any, _schema: Mapping[str, Any]) -> Any:
    return value


def _text(value: Any, _schema: Mapping[str, Any]) -> str | None:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, Mapping | list | tuple | bytes) else str(value)


def _number(value: Any, _schema: Mapping[str, Any]) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value) if str(value).strip().lstrip("+-").isdecimal() else float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _boolean(value: Any, _schema: Mapping[str, Any]) -> bool | None:
    return {"true": True, "false": False}.get(str(value).strip().lower())


def _date(value: Any, _schema: Mapping[str, Any]) -> str | None:
    if isinstance(value, date):
        return value.isoformat()
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return str(value)


def _one_of(value: Any, schema: Mapping[str, Any]) -> Any:
    options = schema.get("selectOptions")
    if not isinstance(options, list) or schema.get("selectOptionsTruncated"):
        return value
    return value if value in options else None


def _some_of(value: Any, schema: Mapping[str, Any]) -> list[Any] | None:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values if values and all(_one_of(each, schema) is not None for each in values) else None


_READERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "Text": _text,
    "Textarea": _text,
    "Number": _number,
    "Boolean": _boolean,
    "Date": _date,
    "SingleSelect": _one_of,
    "MultiSelect": _some_of,
}
