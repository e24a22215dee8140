"""
What Airflow is told about this provider.

Every ``import airflow`` reads it, so it imports nothing but the version. The connection form stands here
once: Airflow 3.2 and later read it from here, and :class:`ImageKitHook` gives it to earlier ones.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit import __version__

CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "imagekit",
    "hook-class-name": "airflow_provider_imagekit.hooks.imagekit.ImageKitHook",
    "hook-name": "ImageKit",
    "ui-field-behaviour": {
        # The port stays: without one the Test button of Airflow 3.3.1 and 3.3.2 fails (apache/airflow#73298).
        "hidden-fields": ["schema", "login", "extra"],
        "relabeling": {"password": "Private key", "host": "API base URL"},
        "placeholders": {
            "password": "private_…",
            "host": "empty for https://api.imagekit.io",
            "port": "443",
        },
    },
    "conn-fields": {
        "url_endpoint": {
            "label": "URL endpoint",
            "description": "Where the account's pictures are delivered, such as "
            "https://ik.imagekit.io/your_imagekit_id.",
            "schema": {"type": ["string", "null"], "format": "url"},
        },
        "timeout": {
            "label": "Timeout (seconds)",
            "description": "Most seconds for one answer to arrive. Empty: 60.",
            "schema": {"type": ["number", "null"], "minimum": 1},
        },
        "max_retries": {
            "label": "Retries",
            "description": "Most repetitions of a request after connection errors, timeouts, 408, 429 and "
            "5xx. Empty: 5.",
            "schema": {"type": ["integer", "null"], "minimum": 0},
        },
        "max_wait": {
            "label": "Longest wait (seconds)",
            "description": "Most seconds that one call waits in all, for the rate limit and between retries. "
            "Empty: 120.",
            "schema": {"type": ["number", "null"], "minimum": 0},
        },
        "requests_per_second": {
            "label": "Requests per second",
            "description": "Steady rate of one worker process. Empty: no limit but the account's own.",
            "schema": {"type": ["number", "null"], "minimum": 0},
        },
        "rate_limit_url": {
            "label": "Rate limit URL",
            "description": "Redis through which all workers and triggerers share rate and pauses, such as "
            "redis://:password@host:6379/0 (package extra redis). Empty: each process by itself.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "verify": {
            "label": "Verify certificates",
            "description": "true, false, or the path of a CA bundle. Empty: true.",
            "schema": {"type": ["string", "null"]},
        },
        "proxies": {
            "label": "Proxies",
            "description": 'JSON object of proxy addresses by scheme: {"https": "http://proxy:3128"}. '
            "Empty: those of the environment.",
            "schema": {"type": ["string", "null"], "format": "json"},
        },
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-imagekit",
        "name": "ImageKit",
        "description": "`ImageKit.io <https://imagekit.io/>`__ image metadata and perceptual-hash gates.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "ImageKit",
                "external-doc-url": "https://imagekit.io/docs/api-reference",
                "tags": ["service"],
            }
        ],
        "connection-types": [CONNECTION_TYPE],
        "hooks": [
            {
                "integration-name": "ImageKit",
                "python-modules": ["airflow_provider_imagekit.hooks.imagekit"],
            }
        ],
        "operators": [
            {
                "integration-name": "ImageKit",
                "python-modules": [
                    "airflow_provider_imagekit.operators.duplicates",
                    "airflow_provider_imagekit.operators.library",
                    "airflow_provider_imagekit.operators.listing",
                    "airflow_provider_imagekit.operators.metadata",
                    "airflow_provider_imagekit.operators.phash",
                    "airflow_provider_imagekit.operators.threshold",
                    "airflow_provider_imagekit.operators.transformations",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "ImageKit",
                "python-modules": ["airflow_provider_imagekit.sensors.phash"],
            }
        ],
        "triggers": [
            {
                "integration-name": "ImageKit",
                "python-modules": ["airflow_provider_imagekit.triggers.phash"],
            }
        ],
        "extra-links": [
            "airflow_provider_imagekit.links.imagekit.ImageKitFileLink",
            "airflow_provider_imagekit.links.imagekit.ImageKitMediaLibraryLink",
            "airflow_provider_imagekit.links.report.ImageKitReportLink",
        ],
    }
