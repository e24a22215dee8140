"""ImageKit's HTTP API: one call from its parameters to a value or an error. Without Airflow."""

from __future__ import annotations

from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["ImageKitClient"]
