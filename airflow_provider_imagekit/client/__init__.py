"""ImageKit's HTTP API: one call from its parameters to a value or an error. Without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["ImageKitClient"]


def __getattr__(name: str) -> Any:
    """Import the client when it is used: requests would take its time at each parse of a DAG file."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_provider_imagekit.client.client import ImageKitClient

    return ImageKitClient
