"""API endpoints that read files: metadata, listing, details, versions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import Response

from airflow_provider_imagekit.emulator.errors import (
    ApiError,
    bad_file_id,
    bad_version_id,
    corrupt_file,
    no_such_file,
    no_such_picture,
    no_such_version,
    url_not_ours,
)
from airflow_provider_imagekit.emulator.library.measure import facts_of
from airflow_provider_imagekit.emulator.routes.addresses import Address, below_endpoint
from airflow_provider_imagekit.emulator.routes.delivery import Delivery, RefusedError
from airflow_provider_imagekit.emulator.routes.listing import list_assets
from airflow_provider_imagekit.emulator.routes.objects import file_object

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset, Version

__all__ = ["Api", "json_response"]

_FILE_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)


def json_response(content: Any, status: int = 200) -> Response:
    """Return a JSON response in ImageKit's format; bytes are sent as they are."""
    encoded = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    return Response(encoded, status, media_type="application/json; charset=utf-8")


class Api:
    """
    Reads an account's files.

    :param account: the account.
    :param delivery: delivers its pictures.
    """

    def __init__(self, account: Account, delivery: Delivery) -> None:
        self._account = account
        self._delivery = delivery

    async def file_metadata(self, _request: Request, file_id: str) -> Response:
        """``GET /v1/files/{fileId}/metadata``: return the metadata of the current version."""
        asset = await self.asset(file_id, missing=no_such_picture())
        metadata = self._account.measurer.known_metadata(asset, asset.current)
        if metadata is None:
            try:
                metadata = await self._account.run(self._account.measurer.metadata, asset, asset.current)
            except FileNotFoundError:
                raise no_such_picture() from None
        return json_response(metadata)

    async def url_metadata(self, request: Request) -> Response:
        """``GET /v1/metadata?url=``: return the metadata of the original, or of the transformed picture."""
        url = request.query_params.get("url", "")
        if not url:
            raise ApiError(400, "Your request is missing the url query parameter.")
        target = below_endpoint(url, self.url_endpoints(request))
        if target is None:
            raise url_not_ours(url)
        return json_response(await self._account.run(self._metadata_of, Address.parse(target)))

    async def list_files(self, request: Request) -> Response:
        """``GET /v1/files``: list files and folders."""
        return json_response(
            await self._account.run(
                list_assets, self._account, request.query_params, self.url_endpoint(request)
            )
        )

    async def file_details(self, request: Request, file_id: str) -> Response:
        """``GET /v1/files/{fileId}/details``: return the current version."""
        asset = await self.asset(file_id)
        return json_response(await self._version_object(request, asset, asset.current))

    async def file_versions(self, request: Request, file_id: str) -> Response:
        """``GET /v1/files/{fileId}/versions``: return all versions, newest first."""
        asset = await self.asset(file_id)
        return json_response(
            [await self._version_object(request, asset, version) for version in reversed(asset.versions)]
        )

    async def file_version(self, request: Request, file_id: str, version_id: str) -> Response:
        """``GET /v1/files/{fileId}/versions/{versionId}``: return one version."""
        asset = await self.asset(file_id)
        if not _FILE_ID.fullmatch(version_id):
            raise bad_version_id()
        for version in asset.versions:
            if asset.version_id(version) == version_id:
                return json_response(await self._version_object(request, asset, version))
        raise no_such_version()

    async def asset(self, file_id: str, missing: ApiError | None = None) -> Asset:
        """
        Return a file.

        :param file_id: the id, unchecked.
        :param missing: error to raise if the file does not exist.
        :raises ApiError: 400 for a malformed id, 404 for an unknown one.
        """
        if not _FILE_ID.fullmatch(file_id):
            raise bad_file_id()
        asset = await self._account.run(self._account.library.by_id, file_id)
        if asset is None:
            raise missing or no_such_file()
        return asset

    def url_endpoint(self, request: Request) -> str:
        """Return the URL endpoint with the host name of the request."""
        return f"{request.url.scheme}://{request.url.netloc}/{self._account.imagekit_id}"

    def url_endpoints(self, request: Request) -> tuple[str, ...]:
        """Return all URL endpoints of the account."""
        requested = self.url_endpoint(request)
        port = urlsplit(requested).port
        local = [f"http://{host}:{port}/{self._account.imagekit_id}" for host in ("127.0.0.1", "localhost")]
        return (requested, *local, *self._account.url_endpoints)

    async def _version_object(self, request: Request, asset: Asset, version: Version) -> dict[str, Any]:
        try:
            facts = await self._account.run(self._account.measurer.facts, asset, version)
        except FileNotFoundError:
            raise no_such_file() from None
        return file_object(asset, version, facts, self.url_endpoint(request))

    def _metadata_of(self, address: Address) -> bytes:
        try:
            subject = self._delivery.find(address)
            if not subject.steps:
                return self._account.measurer.metadata(subject.asset, subject.version)
            rendered = self._delivery.content(subject)
        except RefusedError as refused:
            raise corrupt_file() if refused.status == 400 else no_such_picture() from refused
        except FileNotFoundError:
            raise no_such_picture() from None
        facts = facts_of(rendered.content, subject.asset.name)
        return self._account.measurer.metadata_of(rendered.content, facts)
