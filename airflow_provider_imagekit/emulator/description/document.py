"""Builds the OpenAPI document of an account."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.emulator.description.operations import API, OPEN
from airflow_provider_imagekit.emulator.description.schemas import SCHEMAS

__all__ = ["PATH", "openapi"]

#: Path of the document; ImageKit has no such path.
PATH = "/openapi.json"

_ABOUT = "API of the local ImageKit server. Injected faults may cause other responses."
_KEY = {"type": "http", "scheme": "basic", "description": "Private key as user name, empty password."}


def openapi(base_url: str, imagekit_id: str) -> dict[str, Any]:
    """
    Return the description of an account's API.

    :param base_url: scheme, host and port.
    :param imagekit_id: name in the URL endpoint.
    :return: an OpenAPI 3.1 document.
    """
    paths: dict[str, dict[str, Any]] = {}
    key: list[dict[str, Any]] = [{"privateKey": []}]
    for operations, security in ((API, key), (OPEN, [])):
        for (method, template), operation in operations.items():
            path = template.replace("{imagekit_id}", imagekit_id)
            paths.setdefault(path, {})[method.lower()] = {**operation, "security": security}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ImageKit emulator", "version": "1", "description": _ABOUT},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"privateKey": _KEY}},
    }
