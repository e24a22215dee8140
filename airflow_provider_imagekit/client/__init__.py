"""Client of ImageKit's HTTP API, independent of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["ImageKitClient"]


def __getattr__(name: str) -> Any:
    """Import the client on first use, because importing requests slows down the parsing of DAG files."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_provider_imagekit.client.client import ImageKitClient

    return ImageKitClient
