"""Control endpoints for tests not written in Python: faults, key rotation, request log. Off by default."""

from __future__ import annotations

import base64
import binascii
import difflib
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_imagekit.emulator.serving.faults import Fault
from airflow_provider_imagekit.emulator.serving.origin import cross_site_refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.auth import Keyring
    from airflow_provider_imagekit.emulator.limits import Limiter
    from airflow_provider_imagekit.emulator.serving.faults import FaultBook
    from airflow_provider_imagekit.emulator.serving.requestlog import RequestLog

__all__ = ["PREFIX", "Control", "fault_from"]

#: Path prefix of the control endpoints; ImageKit does not use it.
PREFIX = "/_emulator/"

_MAX_BODY_BYTES = 10_000_000


def fault_from(description: Any) -> Fault:
    """
    Build a fault from its JSON description.

    :param description: fields of :class:`Fault` by name; a binary ``body`` is ``{"base64": "..."}``.
    :raises ValueError: if it is not a valid fault.
    """
    if not isinstance(description, dict):
        raise ValueError("a fault must be a JSON object")  # noqa: TRY004 - the caller's input, not a type error
    unknown = set(description) - {field.name for field in fields(Fault)}
    if unknown:
        raise ValueError(_unknown_fields(unknown))
    body = description.get("body")
    if isinstance(body, dict) and set(body) == {"base64"}:
        try:
            description = {**description, "body": base64.b64decode(body["base64"], validate=True)}
        except (binascii.Error, TypeError) as error:
            raise ValueError(f"body is not base64: {error}") from error
    try:
        return Fault(**description)
    except (TypeError, AttributeError):
        name = next(filter(lambda name: not _fits(name, description[name]), description), "a field")
        raise ValueError(f"{name} of the fault is {description.get(name)!r}, of the wrong type") from None


def _fits(name: str, value: Any) -> bool:
    try:
        Fault(**{name: value})
    except (TypeError, AttributeError):
        return False
    except ValueError:
        return True
    return True


def _unknown_fields(unknown: set[str]) -> str:
    names = [field.name for field in fields(Fault)]
    texts = []
    for name in sorted(unknown):
        close = difflib.get_close_matches(name, names, 1)
        texts.append(f"{name} (did you mean {close[0]}?)" if close else name)
    return f"a fault has no field {', '.join(texts)}; its fields are {', '.join(names)}"


class Control:
    """
    Handles the control endpoints.

    ``POST /_emulator/faults`` injects the fault in its body, and ``DELETE`` removes all faults. ``GET
    /_emulator/requests`` lists the requests so far without keys and signatures. ``PUT
    /_emulator/private-key`` rotates the key. ``POST /_emulator/clear`` clears faults, requests and rate
    limits. Requests from pages of another site are refused with 403.

    :param faults: active faults.
    :param requests: log of requests.
    :param keyring: private keys.
    :param limiter: rate limits.
    :param own_names: host names of the server.
    """

    def __init__(
        self,
        faults: FaultBook,
        requests: RequestLog,
        keyring: Keyring,
        limiter: Limiter,
        own_names: frozenset[str],
    ) -> None:
        self._own_names = own_names
        self._faults = faults
        self._requests = requests
        self._keyring = keyring
        self._limiter = limiter

    async def handle(self, request: Request) -> Response:
        """Handle a request below :data:`PREFIX`."""
        refusal = cross_site_refusal(request.headers, self._own_names)
        if refusal is not None:
            return _json({"message": refusal}, 403)
        command = f"{request.method} {request.scope['path'].removeprefix(PREFIX)}"
        try:
            result = self._execute(command, await _body(request))
        except ValueError as error:
            return _json({"message": f"{error}"}, 400)
        except LookupError:
            return _json({"message": f"{command} is not a control request."}, 404)
        return Response(status_code=204) if result is None else _json(result, 200)

    def _execute(self, command: str, body: bytes) -> Any:
        if command == "POST faults":
            self._faults.inject(fault_from(json.loads(body)))
        elif command == "DELETE faults":
            self._faults.clear()
        elif command == "GET requests":
            return [asdict(request.without_secrets()) for request in self._requests.snapshot()]
        elif command == "PUT private-key":
            self._keyring.rotate(body.decode().strip())
        elif command == "POST clear":
            self._faults.clear()
            self._requests.clear()
            self._limiter.clear()
        else:
            raise LookupError(command)
        return None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError("the body is too large")
    return bytes(body)


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")
