"""
A local ImageKit server over a folder of pictures: real HTTP, real pictures, real metadata.

It needs the extra ``emulator`` and nothing of Airflow. Nothing else of this package imports it.

Its parts, each of which imports only those before it:

- ``pictures``: the metadata of a picture or video: size, EXIF, perceptual hash
- ``transforms``: transformation strings: parsed, laid out, applied
- ``library``: a folder of files, versions, changes, and what was measured of them
- ``search``: the query language of the listing
- ``account``: library, keys and limits of the one account
- ``routes``: what each address answers
- ``serving``: from the socket to the route and back: listening, recording, faults
- ``server``: all of it as one Python object
"""

from __future__ import annotations

from airflow_provider_imagekit.emulator.limits import RateLimit, RateLimits
from airflow_provider_imagekit.emulator.server import DEFAULT_PRIVATE_KEY, ImageKitEmulator
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
