"""What Airflow is told about this provider; read by every ``import airflow``, so it imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-imagekit",
        "name": "ImageKit",
        "description": "`ImageKit.io <https://imagekit.io/>`__ image metadata and perceptual-hash gates.",
        "versions": [__version__],
    }
