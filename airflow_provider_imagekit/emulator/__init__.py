"""
A local ImageKit server over a folder of pictures: real HTTP, real pictures, real metadata.

It needs the extra ``emulator`` and nothing of Airflow. Nothing else of this package imports it.
"""

from __future__ import annotations

from airflow_provider_imagekit.emulator.faults import Fault, InjectedFault
from airflow_provider_imagekit.emulator.hashing import compute_phash, phash_of_file
from airflow_provider_imagekit.emulator.limits import RateLimit, RateLimits
from airflow_provider_imagekit.emulator.requestlog import RecordedRequest
from airflow_provider_imagekit.emulator.server import DEFAULT_PRIVATE_KEY, ImageKitEmulator

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
