"""API endpoints that start jobs: purge the cache; copy, move and rename folders."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_imagekit.emulator.errors import ApiError, url_not_ours
from airflow_provider_imagekit.emulator.library.assets import Asset, Version
from airflow_provider_imagekit.emulator.routes.addresses import below_endpoint
from airflow_provider_imagekit.emulator.routes.bodies import json_object, text_of
from airflow_provider_imagekit.emulator.routes.files import json_response
from airflow_provider_imagekit.emulator.routes.upload_form import clean_folder

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.jobs import Job
    from airflow_provider_imagekit.emulator.routes.files import Api

__all__ = ["Jobs"]

_PURGE = "PURGE"


class Jobs:
    """
    Starts jobs of an account and reports their status.

    A change takes effect when the job is accepted. Its folders stay locked until the job is completed.

    :param account: the account.
    :param api: provides the account's URL endpoints.
    """

    def __init__(self, account: Account, api: Api) -> None:
        self._account = account
        self._api = api

    async def purge(self, request: Request) -> Response:
        """``POST /v1/files/purge``: purge a URL, which may end with a wildcard."""
        url = text_of(await json_object(request), "url")
        if not _is_url(url) or below_endpoint(url, self._api.url_endpoints(request)) is None:
            raise url_not_ours(url)
        return json_response({"requestId": self._account.jobs.start(_PURGE).id}, 201)

    async def purge_status(self, _request: Request, request_id: str) -> Response:
        """``GET /v1/files/purge/{requestId}``: return the status of a purge."""
        job = self._account.jobs.get(request_id)
        if job is None or job.type != _PURGE:
            raise ApiError(404, "No request found with this requestId.")
        return json_response({"status": self._account.jobs.status(job)})

    async def folder_status(self, _request: Request, job_id: str) -> Response:
        """``GET /v1/bulkJobs/{jobId}``: return the status of a folder job."""
        job = self._account.jobs.get(job_id)
        if job is None or job.type == _PURGE:
            raise ApiError(404, "No job found with this jobId.")
        status = {"jobId": job.id, "type": job.type, "status": self._account.jobs.status(job)}
        if job.purge_id:
            status["purgeRequestId"] = job.purge_id
        return json_response(status)

    async def copy_folder(self, request: Request) -> Response:
        """``POST /v1/bulkJobs/copyFolder``: copy a folder into another."""
        body = await json_object(request)
        with_versions = body.get("includeVersions", False)
        if not isinstance(with_versions, bool):
            raise ApiError(400, "Your request contains invalid value for includeVersions parameter.")
        source, target = self._into(body)
        return await self._start("COPY_FOLDER", source, target, with_versions=with_versions)

    async def move_folder(self, request: Request) -> Response:
        """``POST /v1/bulkJobs/moveFolder``: move a folder into another."""
        source, target = self._into(await json_object(request))
        return await self._start("MOVE_FOLDER", source, target, with_versions=True)

    async def rename_folder(self, request: Request) -> Response:
        """``POST /v1/bulkJobs/renameFolder``: rename a folder."""
        body = await json_object(request)
        source = _source(text_of(body, "folderPath"))
        name = clean_folder(text_of(body, "newFolderName").replace("/", "_"))
        purges = body.get("purgeCache", False)
        if not isinstance(purges, bool):
            raise ApiError(400, "Your request contains invalid value for purgeCache parameter.")
        target = source.rpartition("/")[0] + name
        return await self._start("RENAME_FOLDER", source, target, with_versions=True, purges=purges)

    def _into(self, body: dict[str, Any]) -> tuple[str, str]:
        source = _source(text_of(body, "sourceFolderPath"))
        destination = clean_folder(text_of(body, "destinationPath")).rstrip("/")
        return source, f"{destination}/{source.rpartition('/')[2]}"

    async def _start(
        self, type_: str, source: str, target: str, *, with_versions: bool, purges: bool = False
    ) -> Response:
        job = await self._account.run(self._do, type_, source, target, with_versions, purges)
        return json_response({"jobId": job.id})

    def _do(self, type_: str, source: str, target: str, with_versions: bool, purges: bool) -> Job:
        account = self._account
        files = [asset for asset in account.library.assets() if asset.path.startswith(f"{source}/")]
        if not files and source not in {folder.path for folder in account.library.folders()}:
            raise ApiError(404, f"No folder found with path {source}.")
        if f"{target}/".startswith(f"{source}/"):
            raise ApiError(400, "The destination is inside the source folder.")
        for folder in (source, target):
            account.jobs.check(folder)
        for asset in files:
            self._copy(asset, target + asset.path.removeprefix(source), with_versions)
            if type_ != "COPY_FOLDER":
                account.library.change(asset.path, _deleted)
        purge_id = account.jobs.start(_PURGE).id if purges else ""
        return account.jobs.start(type_, (source, target), purge_id)

    def _copy(self, asset: Asset, path: str, with_versions: bool) -> None:
        library = self._account.library
        for version in asset.versions if with_versions else asset.versions[-1:]:
            library.upload(path, library.read(asset, version), _adding(path, version))


def _adding(path: str, version: Version) -> Any:
    now = time.time_ns() // 1_000_000

    def change(known: Asset | None, blob: str) -> Asset:
        previous = known.versions if known else ()
        number = previous[-1].number + 1 if previous else 1
        added = replace(version, number=number, blob=blob, updated_ms=now)
        return Asset(path, known.disk if known else None, (*previous, added))

    return change


def _deleted(known: Asset | None) -> Asset:
    if known is None:
        raise ApiError(404, "The requested file does not exist.")
    return Asset(known.path, known.disk, ())


def _source(path: str) -> str:
    source = "/" + path.strip("/")
    if source == "/":
        raise ApiError(400, "The root folder cannot be copied, moved or renamed.")
    return source


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:
        return False
