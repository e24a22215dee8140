"""Faults and rotation of the key over HTTP, for tests not written in Python. Off unless asked for."""

from __future__ import annotations

import base64
import binascii
import difflib
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_imagekit.emulator.serving.faults import Fault
from airflow_provider_imagekit.emulator.serving.origin import foreign_request

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.auth import Keyring
    from airflow_provider_imagekit.emulator.limits import Limiter
    from airflow_provider_imagekit.emulator.serving.faults import FaultBook
    from airflow_provider_imagekit.emulator.serving.requestlog import RequestLog

__all__ = ["PREFIX", "Control", "fault_from"]

#: Below it the control endpoints live; ImageKit has nothing there.
PREFIX = "/_emulator/"

_MAX_BODY_BYTES = 10_000_000


def fault_from(description: Any) -> Fault:
    """
    Return the fault that JSON describes.

    :param description: fields of :class:`Fault` by name; a ``body`` of bytes as ``{"base64": "..."}``.
    :raises ValueError: if it does not describe a fault.
    """
    if not isinstance(description, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 - the caller's input, not a type error
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
    Answers the control endpoints.

    ``POST /_emulator/faults`` puts the fault in its body to work, ``DELETE`` ends all; ``GET
    /_emulator/requests`` lists the requests so far without keys and signatures; ``PUT
    /_emulator/private-key`` rotates the key; ``POST /_emulator/clear`` clears faults, requests and rate
    limits. A request that a page of another site sends is refused with 403.

    :param faults: faults at work.
    :param requests: requests so far.
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

    async def answer(self, request: Request) -> Response:
        """Answer a request below :data:`PREFIX`."""
        refusal = foreign_request(request.headers, self._own_names)
        if refusal is not None:
            return _json({"message": refusal}, 403)
        asked = f"{request.method} {request.scope['path'].removeprefix(PREFIX)}"
        try:
            answer = self._do(asked, await _body(request))
        except ValueError as error:
            return _json({"message": f"{error}"}, 400)
        except LookupError:
            return _json({"message": f"{asked} is not a control request."}, 404)
        return Response(status_code=204) if answer is None else _json(answer, 200)

    def _do(self, asked: str, body: bytes) -> Any:
        if asked == "POST faults":
            self._faults.inject(fault_from(json.loads(body)))
        elif asked == "DELETE faults":
            self._faults.clear()
        elif asked == "GET requests":
            return [asdict(request.without_secrets()) for request in self._requests.snapshot()]
        elif asked == "PUT private-key":
            self._keyring.rotate(body.decode().strip())
        elif asked == "POST clear":
            self._faults.clear()
            self._requests.clear()
            self._limiter.clear()
        else:
            raise LookupError(asked)
        return None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError("the body is too large")
    return bytes(body)


def _json(answer: Any, status: int) -> Response:
    return Response(json.dumps(answer), status, media_type="application/json")
