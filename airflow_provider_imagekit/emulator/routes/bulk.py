"""API endpoints that tag or delete many files at once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.library.assets import Asset
from airflow_provider_imagekit.emulator.routes.attributes import tags_of
from airflow_provider_imagekit.emulator.routes.bodies import file_ids_of, json_object
from airflow_provider_imagekit.emulator.routes.files import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_imagekit.emulator.account import Account

__all__ = ["MAX_DELETED_FILES", "MAX_TAGGED_FILES", "Bulk"]

MAX_TAGGED_FILES = 50
MAX_DELETED_FILES = 100


class Bulk:
    """
    Changes many files of an account in one request.

    :param account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    async def add_tags(self, request: Request) -> Response:
        """``POST /v1/files/addTags``: add tags to files."""
        return await self._tag(request, lambda previous, tags: [*previous, *tags])

    async def remove_tags(self, request: Request) -> Response:
        """``POST /v1/files/removeTags``: remove tags from files."""
        return await self._tag(request, lambda previous, tags: [tag for tag in previous if tag not in tags])

    async def delete(self, request: Request) -> Response:
        """``POST /v1/files/batch/deleteByFileIds``: delete files with all their versions."""
        ids = file_ids_of(await json_object(request), MAX_DELETED_FILES)

        def change(known: Asset) -> Asset:
            return Asset(known.path, known.disk, ())

        return await self._account.run(self._each, ids, change, "successfullyDeletedFileIds")

    async def _tag(
        self, request: Request, combine: Callable[[tuple[str, ...], tuple[str, ...]], list[str]]
    ) -> Response:
        body = await json_object(request)
        ids = file_ids_of(body, MAX_TAGGED_FILES)
        tags = tags_of(body.get("tags"))
        if not tags:
            raise ApiError(400, "Your request is missing the tags parameter.")
        updated_ms = time.time_ns() // 1_000_000

        def change(known: Asset) -> Asset:
            attributes = known.current.attributes
            combined = tags_of(combine(attributes.tags or (), tags))
            return known.with_current(attributes=replace(attributes, tags=combined), updated_ms=updated_ms)

        return await self._account.run(self._each, ids, change, "successfullyUpdatedFileIds")

    def _each(self, ids: list[str], change: Callable[[Asset], Asset], key: str) -> Response:
        library = self._account.library
        found = {file_id: asset for file_id in ids if (asset := library.by_id(file_id)) is not None}
        missing = [file_id for file_id in ids if file_id not in found]
        if not found:
            raise ApiError(404, "The requested file(s) does not exist.", missingFileIds=missing)
        errors = dict.fromkeys(missing, "The requested file does not exist.")
        for file_id, asset in found.items():
            try:
                self._account.jobs.check(asset.path)
                library.change(asset.path, lambda known: change(_existing(known)))
            except ApiError as error:
                errors[file_id] = str(error)
        result: dict[str, Any] = {key: [file_id for file_id in ids if file_id not in errors]}
        if errors:
            result["errors"] = [{"fileId": file_id, "error": text} for file_id, text in errors.items()]
        return json_response(result, 207 if errors else 200)


def _existing(known: Asset | None) -> Asset:
    if known is None or not known.versions:
        raise ApiError(404, "The requested file does not exist.")
    return known
