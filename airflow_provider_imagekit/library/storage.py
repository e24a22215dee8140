"""Where :func:`~airflow_provider_imagekit.paths.written_whole` used to be."""

from __future__ import annotations

from airflow_provider_imagekit.paths import written_whole

__all__ = ["written_whole"]
