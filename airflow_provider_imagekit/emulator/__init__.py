"""
A local ImageKit server over a folder of pictures: real HTTP, real pictures, real metadata.

It needs the extra ``emulator`` and not Airflow. No other part of this package imports it.

Each part imports only those before it:

- ``pictures``: what a file contains: EXIF, kind, size of videos and drawings
- ``transforms``: transformation strings: parsed, laid out, applied
- ``library``: a folder of files, versions, changes, and what was measured of them
- ``search``: the query language of the listing
- ``account``: library, keys and limits of the one account
- ``routes``: the answer of each address
- ``serving``: from the socket to the route and back: listening, recording, faults
- ``server``: all of it as one Python object
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
    from airflow_provider_imagekit.pictures import compute_phash, phash_of_file

__all__ = [
    "DEFAULT_PRIVATE_KEY",
    "Fault",
    "ImageKitEmulator",
    "InjectedFault",
    "RateLimit",
    "RateLimits",
    "RecordedRequest",
    "compute_phash",
    "phash_of_file",
]

_MODULES = {
    "DEFAULT_PRIVATE_KEY": "emulator.auth",
    "Fault": "emulator.serving.faults",
    "ImageKitEmulator": "emulator.server",
    "InjectedFault": "emulator.serving.faults",
    "RateLimit": "emulator.limits",
    "RateLimits": "emulator.limits",
    "RecordedRequest": "emulator.serving.requestlog",
    "compute_phash": "pictures",
    "phash_of_file": "pictures",
}


def __getattr__(name: str) -> Any:
    # Imported when first used, so that the command can name a missing extra.
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if module != "pictures":
        check_extra()
    return getattr(import_module(f"airflow_provider_imagekit.{module}"), name)
