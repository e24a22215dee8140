"""
A local ImageKit server that serves a folder of pictures with real HTTP, real pictures and real metadata.

It requires the extra ``emulator`` but not Airflow. No other part of this package imports it.

Each part imports only those before it:

- ``pictures``: EXIF and other metadata of files, size of videos and SVG files
- ``transforms``: parses and applies transformation strings
- ``library``: files and their versions, stored changes, measured properties
- ``search``: the query language of the listing
- ``account``: library, keys and limits of the one account
- ``routes``: a handler for each endpoint
- ``serving``: listens, records requests, injects faults
- ``server``: the whole server as one Python object
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.extra import check_extra

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.auth import DEFAULT_PRIVATE_KEY
    from airflow_provider_imagekit.emulator.limits import RateLimit, RateLimits
    from airflow_provider_imagekit.emulator.server import ImageKitEmulator
    from airflow_provider_imagekit.emulator.serving.faults import Fault, InjectedFault
    from airflow_provider_imagekit.emulator.serving.requestlog import RecordedRequest

__all__ = [
    "DEFAULT_PRIVATE_KEY",
    "Fault",
    "ImageKitEmulator",
    "InjectedFault",
    "RateLimit",
    "RateLimits",
    "RecordedRequest",
]

_MODULES = {
    "DEFAULT_PRIVATE_KEY": "auth",
    "Fault": "serving.faults",
    "ImageKitEmulator": "server",
    "InjectedFault": "serving.faults",
    "RateLimit": "limits",
    "RateLimits": "limits",
    "RecordedRequest": "serving.requestlog",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the command can report a missing extra.
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    check_extra()
    return getattr(import_module(f"{__name__}.{module}"), name)
