"""``POST /api/v1/files/upload``: creates files and new versions of files."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.library.assets import Asset, Attributes, Version
from airflow_provider_imagekit.emulator.library.measure import Facts, facts_of
from airflow_provider_imagekit.emulator.routes.addresses import Address, below_endpoint
from airflow_provider_imagekit.emulator.routes.delivery import Delivery, RefusedError
from airflow_provider_imagekit.emulator.routes.files import json_response
from airflow_provider_imagekit.emulator.routes.objects import file_object, uploaded_object
from airflow_provider_imagekit.emulator.routes.upload_form import (
    UploadFields,
    bad_transformation,
    read_upload_fields,
    with_suffix,
)
from airflow_provider_imagekit.emulator.transforms.render import render
from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError, parse_steps
from airflow_provider_imagekit.phash.pictures import BadPictureError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.routes.files import Api

__all__ = ["Upload"]

#: Limits of ImageKit's free plan, in bytes.
MAX_IMAGE_BYTES, MAX_VIDEO_BYTES = 25 * 1024**2, 100 * 1024**2
MAX_VERSIONS = 100
_MAX_FORM_BYTES = MAX_VIDEO_BYTES * 4 // 3 + 1_000_000  # as base64, with room for the other fields
_MAX_FIELDS = 50
_RESPONSE_FIELDS = (
    "tags", "customCoordinates", "isPrivateFile", "embeddedMetadata", "isPublished", "customMetadata",
)  # fmt: skip


class Upload:
    """
    Stores uploaded files in an account's library.

    :param account: the account.
    :param api: provides the account's URL endpoints.
    :param delivery: reads files that are uploaded by one of the account's own URLs.
    """

    def __init__(self, account: Account, api: Api, delivery: Delivery) -> None:
        self._account = account
        self._api = api
        self._delivery = delivery

    async def upload(self, request: Request) -> Response:
        """Store an upload and return the new file."""
        bounded = Request(request.scope, _bounded(request))
        limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": _MAX_FORM_BYTES}
        try:
            async with bounded.form(**limits) as form:
                content = await self._content(request, form)
                fields = read_upload_fields(content, form, self._account.custom_fields.values())
        except (HTTPException, MultiPartException) as error:
            raise ApiError(400, "Your request is not a valid multipart form.") from error
        return json_response(await self._account.run(self._store, fields, self._api.url_endpoint(request)))

    async def _content(self, request: Request, form: FormData) -> bytes:
        file = form.get("file")
        if isinstance(file, UploadFile):
            return await file.read()
        if not file:
            raise ApiError(400, "Your request is missing file parameter.")
        if re.match("https?://", file):
            return await self._account.run(self._own_file, file, self._api.url_endpoints(request))
        try:
            return base64.b64decode(re.sub(r"^data:[^,]*,", "", file), validate=True)
        except (binascii.Error, ValueError):
            raise ApiError(400, "Your request contains invalid file parameter.") from None

    def _own_file(self, url: str, endpoints: tuple[str, ...]) -> bytes:
        # Accepts only files that this server delivers; it never fetches from other servers.
        target = below_endpoint(url, endpoints)
        try:
            if target is not None:
                return self._delivery.content(self._delivery.find(Address.parse(target))).content
        except (RefusedError, FileNotFoundError):
            pass
        raise ApiError(400, "Your request contains invalid file parameter. The URL could not be fetched.")

    def _transformed(self, fields: UploadFields, facts: Facts) -> UploadFields:
        if facts.width is None:
            raise ApiError(
                400,
                "The file could not be uploaded because transformations are supported only for image and "
                "video files.",
            )
        try:
            steps = parse_steps(fields.pre, self._account.transformations)
            return replace(fields, content=render(fields.content, steps).content)
        except (BadTransformationError, BadPictureError) as error:
            raise bad_transformation() from error

    def _store(self, fields: UploadFields, url_endpoint: str) -> dict[str, Any]:
        facts = facts_of(fields.content, fields.name)
        if len(fields.content) > (MAX_VIDEO_BYTES if facts.mime.startswith("video/") else MAX_IMAGE_BYTES):
            raise _too_large()
        if fields.pre:
            fields = self._transformed(fields, facts)
            facts = facts_of(fields.content, fields.name)
        name = with_suffix(fields.name) if fields.unique else fields.name
        path = f"{fields.folder.rstrip('/')}/{name}"
        self._account.jobs.check(path)
        asset = self._account.library.upload(
            path, fields.content, lambda known, blob: _next_version(fields, path, known, blob)
        )
        result = uploaded_object(asset, facts, url_endpoint)
        details = file_object(asset, asset.current, facts, url_endpoint)
        result |= {field: details[field] for field in _RESPONSE_FIELDS if field in fields.response_fields}
        if "metadata" in fields.response_fields:
            result["metadata"] = json.loads(self._account.measurer.metadata(asset, asset.current))
        if fields.pre:
            request = {"x_request_id": str(uuid.uuid4()), "transformation": fields.pre}
            self._account.webhooks.emit("upload.pre-transform.success", lambda: result, request=request)
        return result


def _next_version(fields: UploadFields, path: str, known: Asset | None, blob: str) -> Asset:
    now = time.time_ns() // 1_000_000
    if known is None or not known.versions:
        return Asset(path, known.disk if known else None, (Version(1, blob, now, now, fields.attributes),))
    if not fields.overwrite:
        raise ApiError(
            400,
            "A file with the same name already exists at the exact location. We could not overwrite it "
            "because both overwriteFile and useUniqueFileName are set to false.",
        )
    if len(known.versions) >= MAX_VERSIONS:
        raise ApiError(400, f"A file can have a maximum of {MAX_VERSIONS} versions.")
    previous = known.current.attributes
    attributes = Attributes(
        tags=previous.tags if fields.keep_tags and "tags" not in fields.given else fields.attributes.tags,
        custom_metadata=previous.custom_metadata
        if fields.keep_custom_metadata and "customMetadata" not in fields.given
        else fields.attributes.custom_metadata,
        custom_coordinates=fields.attributes.custom_coordinates,
        description=fields.attributes.description or previous.description,
        private=fields.attributes.private,
        published=fields.attributes.published,
    )
    version = Version(known.current.number + 1, blob, now, now, attributes)
    return Asset(known.path, known.disk, (*known.versions, version))


def _too_large() -> ApiError:
    return ApiError(
        400,
        "Your request contains invalid file parameter. The file size exceeds limits.",
        headers={"connection": "close"},
    )


def _bounded(request: Request) -> Any:
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > _MAX_FORM_BYTES:
            raise _too_large()
        return message

    return receive
