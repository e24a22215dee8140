"""
The provider's metadata for Airflow, and the fields of the connection form.

Every ``import airflow`` loads this module, so it imports nothing but the version. Airflow 3.2 and later read
the connection form from here; :class:`ImageKitHook` passes it to earlier versions.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit import __version__

#: The fields of the Airflow Connection's ``extra``, defined once for the form, the settings and the
#: documentation: parser (``kind``), default, label, help, and the schema of the form.
CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "url_endpoint": {
        "kind": "text",
        "default": None,
        "label": "URL endpoint",
        "help": "Where the account's pictures are delivered, such as "
        "https://ik.imagekit.io/your_imagekit_id; for templates.",
        "schema": {"type": ["string", "null"], "format": "url"},
    },
    "timeout": {
        "kind": "number",
        "default": 60.0,
        "label": "Timeout in seconds",
        "help": "Maximum seconds until a response has arrived completely, including the connection.",
        "schema": {"type": ["number", "null"], "minimum": 1},
    },
    "max_retries": {
        "kind": "integer",
        "default": 5,
        "label": "Retries",
        "help": "Maximum retries of a request after connection errors, timeouts, 408, 429 and 5xx.",
        "schema": {"type": ["integer", "null"], "minimum": 0},
    },
    "max_wait": {
        "kind": "number",
        "default": 120.0,
        "label": "Longest wait in seconds",
        "help": "Maximum seconds that one call waits in total, for the rate limit and between retries.",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "requests_per_second": {
        "kind": "number",
        "default": None,
        "empty": "no limit but the account's own",
        "label": "Requests per second",
        "help": "Rate of one process, or of all processes together with rate_limit_url.",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "writes_per_second": {
        "kind": "number",
        "default": None,
        "empty": "no limit but the account's own",
        "label": "Writes per second",
        "help": "Rate of requests that change something, separate from the rate of reads; of one process, "
        "or of all processes together with rate_limit_url.",
        "schema": {"type": ["number", "null"], "minimum": 0},
    },
    "rate_limit_url": {
        "kind": "redis",
        "default": None,
        "empty": "each process has its own rate",
        "label": "Rate limit URL",
        "help": "Redis through which all workers and triggerers share the rate and its pauses, such as "
        "redis://:password@host:6379/0 (package extra redis).",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "verify": {
        "kind": "switch or bundle",
        "default": True,
        "empty": "true",
        "label": "Verify certificates",
        "help": "true, false, or the path of a CA bundle.",
        "schema": {"type": ["string", "null"]},
    },
    "allow_http": {
        "kind": "switch",
        "default": False,
        "empty": "false",
        "label": "Allow plain http",
        "help": "true to send the key and responses unencrypted to another machine; only for a local "
        "ImageKit server in another container.",
        "schema": {"type": ["string", "null"], "enum": ["", "true", "false", None]},
    },
    "drop_personal_data": {
        "kind": "switch",
        "default": False,
        "empty": "false",
        "label": "Drop personal data",
        "help": "true to keep coordinates, serial numbers and people's names out of XCom and tables, "
        "whatever the arguments gps and personal of an operator are.",
        "schema": {"type": ["string", "null"], "enum": ["", "true", "false", None]},
    },
    "proxies": {
        "kind": "proxies",
        "default": (),
        "empty": "those of the environment",
        "label": "Proxies",
        "help": 'JSON object of proxy addresses by scheme: {"https": "http://proxy:3128"}.',
        "schema": {"type": ["string", "null"], "format": "json"},
    },
    "webhook_secrets": {
        "kind": "text",
        "default": None,
        "empty": "webhooks are refused",
        "label": "Webhook secrets",
        "help": "Signing keys whsec_... of webhooks; separate several with commas while you rotate one.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "webhook_assets": {
        "kind": "object",
        "default": (),
        "empty": "webhooks are refused",
        "label": "Webhook assets",
        "help": 'JSON object of the assets that get events, each with its folder: {"pictures": "/products"}.',
        "schema": {"type": ["string", "null"], "format": "json"},
    },
}


#: Labels of the standard fields, in the order of the form; errors use the same labels.
STANDARD_FIELDS = {"host": "API base URL (host)", "password": "Private key (password)"}

#: Where users find the private key.
KEY_PLACE = "ImageKit's dashboard shows it under Developer options"


def field_label(name: str) -> str:
    """Return the label of a field in the form and in errors, with its name in JSON, URI and command line."""
    return STANDARD_FIELDS.get(name) or f"{CONNECTION_FIELDS[name]['label']} ({name})"


def value_if_empty(name: str) -> str:
    """Describe what an empty field of ``extra`` means; the description can be empty."""
    field = CONNECTION_FIELDS[name]
    default = field["default"]
    return str(field.get("empty") or ("" if default is None else f"{default:g}"))


def _form_field(name: str) -> dict[str, Any]:
    field, empty = CONNECTION_FIELDS[name], value_if_empty(name)
    return {
        "label": field_label(name),
        "description": f"{field['help']}{f' Empty: {empty}.' if empty else ''}",
        "schema": field["schema"],
    }


CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "imagekit",
    "hook-class-name": "airflow_provider_imagekit.hooks.imagekit.ImageKitHook",
    "hook-name": "ImageKit",
    "ui-field-behaviour": {
        # The port stays: without one the Test button of Airflow 3.3.1 and 3.3.2 fails (apache/airflow#73298).
        "hidden-fields": ["schema", "login", "extra"],
        "relabeling": STANDARD_FIELDS,
        "placeholders": {
            "password": f"private_… {KEY_PLACE}",
            "host": "empty for https://api.imagekit.io",
            "port": "443",
        },
    },
    "conn-fields": {name: _form_field(name) for name in CONNECTION_FIELDS},
}


ASSETS: dict[str, Any] = {
    "schemes": ["imagekit"],
    "handler": "airflow_provider_imagekit.assets.uri.sanitize_uri",
    "factory": "airflow_provider_imagekit.assets.factory.create_asset",
    "to_openlineage_converter": "airflow_provider_imagekit.assets.lineage.convert_asset_to_openlineage",
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
        "asset-uris": [ASSETS],
        "dataset-uris": [ASSETS],  # their name in Airflow 2.11
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
                    "airflow_provider_imagekit.operators.deletion",
                    "airflow_provider_imagekit.operators.duplicates",
                    "airflow_provider_imagekit.operators.duplicates_parts",
                    "airflow_provider_imagekit.operators.jobs",
                    "airflow_provider_imagekit.operators.library",
                    "airflow_provider_imagekit.operators.listing",
                    "airflow_provider_imagekit.operators.location",
                    "airflow_provider_imagekit.operators.metadata",
                    "airflow_provider_imagekit.operators.phash",
                    "airflow_provider_imagekit.operators.quality",
                    "airflow_provider_imagekit.operators.threshold",
                    "airflow_provider_imagekit.operators.transformations",
                    "airflow_provider_imagekit.operators.updates",
                    "airflow_provider_imagekit.operators.upload",
                    "airflow_provider_imagekit.operators.usage",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "ImageKit",
                "python-modules": [
                    "airflow_provider_imagekit.sensors.files",
                    "airflow_provider_imagekit.sensors.phash",
                    "airflow_provider_imagekit.sensors.usage",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "ImageKit",
                "python-modules": [
                    "airflow_provider_imagekit.triggers.files",
                    "airflow_provider_imagekit.triggers.new_files",
                    "airflow_provider_imagekit.triggers.phash",
                    "airflow_provider_imagekit.triggers.waiting",
                ],
            }
        ],
        "config": {
            "imagekit": {
                "description": "Settings of the ImageKit provider.",
                "options": {
                    "report_urls": {
                        "description": "Folders of reports, each with the http address that serves them, "
                        "as a JSON object. A task that writes a report to such a folder links to it.",
                        "version_added": None,
                        "type": "string",
                        "example": '{"/srv/reports": "https://reports.example"}',
                        "default": "",
                    }
                },
            }
        },
        "extra-links": [
            "airflow_provider_imagekit.links.imagekit.ImageKitFileLink",
            "airflow_provider_imagekit.links.imagekit.ImageKitMediaLibraryLink",
            "airflow_provider_imagekit.links.imagekit.ImageKitReportLink",
        ],
    }
