"""Validates the form fields of an upload."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.library.assets import Attributes
from airflow_provider_imagekit.emulator.routes.attributes import coordinates_of, custom_metadata_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.datastructures import FormData

__all__ = ["UploadFields", "bad_transformation", "clean_folder", "read_upload_fields", "with_suffix"]

_SUFFIX_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def bad_transformation() -> ApiError:
    """Return the error for an invalid transformation."""
    return ApiError(400, "The file could not be uploaded because the transformation field is invalid.")


@dataclass(frozen=True, slots=True)
class UploadFields:
    """
    Validated fields of an upload.

    :param content: content of the file.
    :param name: sanitized file name.
    :param folder: path of the folder; ``/`` at the top.
    :param attributes: attributes of the file.
    :param given: names of the fields in the request.
    :param unique: whether the name gets a random suffix.
    :param overwrite: whether an existing file of this name may get a new version.
    :param keep_tags: whether to keep the previous version's tags if none are given.
    :param keep_custom_metadata: the same for custom metadata.
    :param response_fields: additional fields of the response.
    :param pre: transformation to apply before the file is stored.
    """

    content: bytes
    name: str
    folder: str
    attributes: Attributes
    given: frozenset[str]
    unique: bool
    overwrite: bool
    keep_tags: bool
    keep_custom_metadata: bool
    response_fields: tuple[str, ...]
    pre: str


def read_upload_fields(
    content: bytes, form: FormData, custom_fields: Iterable[Mapping[str, Any]] = ()
) -> UploadFields:
    """
    Parse the fields of an upload.

    :param content: content of the file.
    :param form: the other fields.
    :param custom_fields: the account's custom metadata fields.
    :raises ApiError: 400 for an invalid field.
    """
    fields = {name: value for name, value in form.items() if isinstance(value, str) and name != "file"}
    if "signature" in fields:
        raise ApiError(
            400,
            "Your request contains both signature and basic auth parameter. Use only one method, you might "
            "be exposing your private API key.",
        )
    if not fields.get("fileName"):
        raise ApiError(400, "Your request is missing fileName parameter.")
    return UploadFields(
        content=content,
        name=_clean_name(fields["fileName"]),
        folder=clean_folder(fields.get("folder", "/")),
        attributes=Attributes(
            tags=tags_of(_list(fields.get("tags", ""))),
            custom_metadata=custom_metadata_of(_json(fields.get("customMetadata") or "{}"), custom_fields),
            custom_coordinates=coordinates_of(fields.get("customCoordinates")),
            description=fields.get("description"),
            private=_flag(fields, "isPrivateFile", default=False),
            published=_flag(fields, "isPublished", default=True),
        ),
        given=frozenset(fields),
        unique=_flag(fields, "useUniqueFileName", default=True),
        overwrite=_flag(fields, "overwriteFile", default=True),
        keep_tags=not _flag(fields, "overwriteTags", default=True),
        keep_custom_metadata=not _flag(fields, "overwriteCustomMetadata", default=True),
        response_fields=tuple(_list(fields.get("responseFields", ""))),
        pre=_pre_transformation(fields.get("transformation") or "{}"),
    )


def _clean_name(name: str) -> str:
    # Documented: every other character, including blanks and slashes, becomes an underscore.
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return "_" + cleaned[1:] if cleaned.startswith(".") else cleaned


def clean_folder(folder: str) -> str:
    """Return the path of a folder as ImageKit sanitizes it: other characters become underscores."""
    parts = [re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in folder.split("/") if part]
    return "/" + "/".join(parts)


def with_suffix(name: str) -> str:
    """Return a name with a random suffix, as required by ``useUniqueFileName``."""
    path = PurePosixPath(name)
    return f"{path.stem}_{''.join(secrets.choice(_SUFFIX_CHARACTERS) for _ in range(9))}{path.suffix}"


def _pre_transformation(text: str) -> str:
    transformation = _json(text)
    pre = transformation.get("pre", "") if isinstance(transformation, dict) else None
    if not isinstance(pre, str):
        raise bad_transformation()
    return pre


def _flag(fields: dict[str, str], name: str, *, default: bool) -> bool:
    value = fields.get(name, "true" if default else "false")
    if value not in ("true", "false"):
        raise ApiError(400, f"Your request contains invalid value for {name} parameter.")
    return value == "true"


def _list(text: str) -> list[str]:
    if text.startswith("["):
        value = _json(text)
        return value if isinstance(value, list) else []
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
