"""ASGI application: records requests, applies faults, checks key and rate limits, and calls the route."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_imagekit.emulator.description import document
from airflow_provider_imagekit.emulator.description.operations import API
from airflow_provider_imagekit.emulator.errors import INTERNAL_ERROR, ApiError
from airflow_provider_imagekit.emulator.limits import headers_of
from airflow_provider_imagekit.emulator.routes.bulk import Bulk
from airflow_provider_imagekit.emulator.routes.changes import Changes
from airflow_provider_imagekit.emulator.routes.custom_fields import CustomFields
from airflow_provider_imagekit.emulator.routes.delivery import Delivery
from airflow_provider_imagekit.emulator.routes.files import Api, json_response
from airflow_provider_imagekit.emulator.routes.jobs import Jobs
from airflow_provider_imagekit.emulator.routes.startpage import HEADERS, start_page
from airflow_provider_imagekit.emulator.routes.upload import Upload
from airflow_provider_imagekit.emulator.routes.usage import Usage
from airflow_provider_imagekit.emulator.routes.webhooks import Webhooks
from airflow_provider_imagekit.emulator.serving.control import PREFIX
from airflow_provider_imagekit.emulator.serving.requestlog import RecordedRequest, RequestLog
from airflow_provider_imagekit.emulator.serving.wire import capture, send_with_fault

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.serving.control import Control
    from airflow_provider_imagekit.emulator.serving.faults import Fault, FaultBook

__all__ = ["App", "Endpoint"]

log = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Response]]

_UNLIMITED = "/api/v1/files/upload"
_FIELDS = "/v1/customMetadataFields"
_WEBHOOKS = "/v1/accounts/webhooks"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One endpoint of the API.

    :param method: HTTP method.
    :param template: path with ``{names}``; also the key for rate limits.
    :param handler: called with the request and the values of the names.
    :param limited: whether rate limits apply; they do not apply to uploads.
    """

    method: str
    template: str
    handler: Handler
    limited: bool = True

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the pattern that a path must match."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]*)", self.template))


class App:
    """
    Handles all requests.

    :param account: the emulated account.
    :param requests: log of requests.
    :param faults: active faults.
    :param latency: minimum seconds that every response takes.
    :param control: handler of the control endpoints, if they are enabled.
    """

    def __init__(
        self,
        account: Account,
        requests: RequestLog,
        faults: FaultBook,
        latency: float,
        control: Control | None = None,
    ) -> None:
        self._account = account
        self._requests = requests
        self._faults = faults
        self._latency = latency
        self._control = control
        self._delivery = Delivery(account)
        self._api = Api(account, self._delivery)
        self._endpoints = [
            (endpoint.pattern, endpoint) for endpoint in _endpoints(account, self._api, self._delivery)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if self._control is not None and scope["path"].startswith(PREFIX):
            await (await self._control.handle(request))(scope, receive, send)
            return
        recorded = _recorded(request)
        number = self._requests.add(recorded)
        if self._latency:
            await asyncio.sleep(self._latency)
        fault = self._faults.fault_for(request.method, recorded.raw_target)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        response = (
            self._faulty(fault)
            if fault and fault.replaces_response
            else await self._handle(request, recorded)
        )
        if fault is None:
            self._requests.record_status(number, response.status_code)
            await response(scope, receive, send)
            return
        if not (fault.drop or fault.garbage):
            self._requests.record_status(number, response.status_code)
        await send_with_fault(await capture(response, scope, receive), fault, scope, send)

    async def _handle(self, request: Request, recorded: RecordedRequest) -> Response:
        try:
            target = recorded.raw_target.removeprefix(f"/{self._account.imagekit_id}/")
            if target != recorded.raw_target and request.method in ("GET", "HEAD"):
                return await self._delivery.handle(request, target)
            if request.method == "GET" and recorded.path == "/":
                return await self._start_page(request)
            if request.method == "GET" and recorded.path == document.PATH:
                return self._description(request)
            return await self._handle_api(request)
        except Exception:
            log.exception("The ImageKit emulator failed to handle %s %s", request.method, recorded.path)
            return _error_response(ApiError(500, INTERNAL_ERROR))

    async def _start_page(self, request: Request) -> Response:
        number = request.query_params.get("page", "1")
        page = int(number) if re.fullmatch("[1-9][0-9]{0,5}", number) else 1
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        search = request.query_params.get("search", "")
        html = await self._account.run(start_page, self._account, base_url, page, search)
        return HTMLResponse(html, headers=HEADERS)

    def _description(self, request: Request) -> Response:
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        return json_response(document.openapi(base_url, self._account.imagekit_id))

    async def _handle_api(self, request: Request) -> Response:
        headers = headers_of(self._account.limiter.limits.read)
        try:
            self._account.keyring.check(request.headers.get("authorization"))
            endpoint, names = self._find(request.method, request.scope["path"])
            if endpoint.limited:
                headers = self._account.limiter.admit(
                    f"{endpoint.method} {endpoint.template}", writes=endpoint.method != "GET"
                )
            response = await endpoint.handler(request, **names)
        except ApiError as error:
            response = _error_response(error)
            headers |= error.headers
        response.headers["x-ik-requestId"] = str(uuid.uuid4())
        response.headers["access-control-allow-origin"] = "*"
        for name, value in headers.items():
            response.headers[name] = value
        return response

    def _find(self, method: str, path: str) -> tuple[Endpoint, dict[str, Any]]:
        for pattern, endpoint in self._endpoints:
            if endpoint.method == method and (found := pattern.fullmatch(path)):
                return endpoint, found.groupdict()
        raise ApiError(404, "Not Found")

    def _faulty(self, fault: Fault) -> Response:
        headers = {"x-ik-requestId": str(uuid.uuid4())}
        if fault.redirect:
            headers["location"] = fault.redirect
        return Response(
            fault.content(), fault.response_status, headers, media_type="application/json; charset=utf-8"
        )


def _endpoints(account: Account, api: Api, delivery: Delivery) -> list[Endpoint]:
    changes = Changes(account, api)
    upload = Upload(account, api, delivery)
    bulk, jobs, usage = Bulk(account), Jobs(account, api), Usage(account)
    fields, webhooks = CustomFields(account), Webhooks(account)
    handlers: dict[tuple[str, str], Handler] = {
        ("GET", "/v1/metadata"): api.url_metadata,
        ("GET", "/v1/files"): api.list_files,
        ("GET", "/v1/files/{file_id}/metadata"): api.file_metadata,
        ("GET", "/v1/files/{file_id}/details"): api.file_details,
        ("PATCH", "/v1/files/{file_id}/details"): changes.update_details,
        ("GET", "/v1/files/{file_id}/versions"): api.file_versions,
        ("GET", "/v1/files/{file_id}/versions/{version_id}"): api.file_version,
        ("DELETE", "/v1/files/{file_id}"): changes.delete,
        ("POST", "/api/v1/files/upload"): upload.upload,
        ("POST", "/v1/files/addTags"): bulk.add_tags,
        ("POST", "/v1/files/removeTags"): bulk.remove_tags,
        ("POST", "/v1/files/batch/deleteByFileIds"): bulk.delete,
        ("POST", "/v1/files/purge"): jobs.purge,
        ("GET", "/v1/files/purge/{request_id}"): jobs.purge_status,
        ("POST", "/v1/bulkJobs/copyFolder"): jobs.copy_folder,
        ("POST", "/v1/bulkJobs/moveFolder"): jobs.move_folder,
        ("POST", "/v1/bulkJobs/renameFolder"): jobs.rename_folder,
        ("GET", "/v1/bulkJobs/{job_id}"): jobs.folder_status,
        ("GET", "/v1/accounts/usage"): usage.usage,
        ("GET", _FIELDS): fields.list_fields,
        ("POST", _FIELDS): fields.create,
        ("PATCH", f"{_FIELDS}/{{field_id}}"): fields.update,
        ("DELETE", f"{_FIELDS}/{{field_id}}"): fields.delete,
        ("GET", _WEBHOOKS): webhooks.list_webhooks,
        ("POST", _WEBHOOKS): webhooks.create,
        ("GET", f"{_WEBHOOKS}/{{webhook_id}}"): webhooks.get,
        ("PATCH", f"{_WEBHOOKS}/{{webhook_id}}"): webhooks.update,
        ("DELETE", f"{_WEBHOOKS}/{{webhook_id}}"): webhooks.delete,
    }
    # Built from the OpenAPI description, so that every endpoint is described.
    return [
        Endpoint(method, template, handlers[method, template], limited=template != _UNLIMITED)
        for method, template in API
    ]


def _recorded(request: Request) -> RecordedRequest:
    scope = request.scope
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return RecordedRequest(
        method=request.method,
        path=scope["path"],
        raw_target=target,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        time=time.monotonic(),
    )


def _error_response(error: ApiError) -> Response:
    return json_response(error.body, error.status)
