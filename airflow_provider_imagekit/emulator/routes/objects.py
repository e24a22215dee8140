"""Builds the file and folder objects of API responses."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.emulator.account import THUMBNAIL

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.library.assets import Asset, Folder, Version
    from airflow_provider_imagekit.emulator.library.measure import Facts

__all__ = ["connection", "file_object", "file_url", "folder_object", "iso_time", "uploaded_object"]


_EARLIEST_MS, _LATEST_MS = -62_135_596_800_000, 253_402_300_799_000


def connection(base_url: str, imagekit_id: str, private_key: str) -> dict[str, Any]:
    """
    Return an Airflow Connection to a server.

    :param base_url: scheme, host and port.
    :param imagekit_id: name in the URL endpoint.
    :param private_key: key of the account.
    """
    extra: dict[str, Any] = {"url_endpoint": f"{base_url}/{imagekit_id}"}
    if not _is_loopback(urlsplit(base_url).hostname or ""):
        extra["allow_http"] = True  # otherwise the client refuses plain HTTP to another machine
    return {"conn_type": "imagekit", "password": private_key, "host": base_url, "extra": extra}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def file_url(url_endpoint: str, path: str) -> str:
    """Return the delivery URL of a file."""
    return url_endpoint + quote(path)


def iso_time(milliseconds: int) -> str:
    """Return a time in ImageKit's format: ``2019-08-24T06:14:41.313Z``."""
    # File systems allow times outside the range of datetime.
    moment = datetime.fromtimestamp(min(max(milliseconds, _EARLIEST_MS), _LATEST_MS) / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file_object(asset: Asset, version: Version, facts: Facts, url_endpoint: str) -> dict[str, Any]:
    """
    Build the object of a file version; its type is ``file`` for the newest and ``file-version`` for others.

    :param asset: the file.
    :param version: one of its versions.
    :param facts: measured properties of the version.
    :param url_endpoint: URL endpoint for file URLs.
    """
    attributes = version.attributes
    is_current = version.number == asset.current.number
    query = "" if is_current else f"ik-obj-version={asset.version_id(version)}&"
    url = f"{file_url(url_endpoint, asset.path)}?{query}updatedAt={version.updated_ms}"
    result: dict[str, Any] = {
        "type": "file" if is_current else "file-version",
        "name": asset.name,
        "createdAt": iso_time(version.created_ms),
        "updatedAt": iso_time(version.updated_ms),
        "fileId": asset.id,
        "tags": None if attributes.tags is None else list(attributes.tags),
        "AITags": None,
        "versionInfo": {"id": asset.version_id(version), "name": f"Version {version.number}"},
        "embeddedMetadata": {},
        "isPublished": attributes.published,
        "customCoordinates": attributes.custom_coordinates,
        "customMetadata": attributes.custom_metadata,
        "isPrivateFile": attributes.private,
        "url": url,
        "thumbnail": f"{url}&tr=n-{THUMBNAIL}",
        "fileType": "image" if facts.is_image else "non-image",
        "filePath": asset.path,
        "size": facts.size,
        "hasAlpha": facts.has_alpha,
        "mime": facts.mime,
    }
    if facts.height is not None:
        result |= {"height": facts.height, "width": facts.width}
    result |= facts.video
    if attributes.description is not None:
        result["description"] = attributes.description
    return result


def uploaded_object(asset: Asset, facts: Facts, url_endpoint: str) -> dict[str, Any]:
    """
    Build the object that the upload API returns for a file.

    :param asset: the file.
    :param facts: measured properties of the current version.
    :param url_endpoint: URL endpoint for file URLs.
    """
    result: dict[str, Any] = {
        "fileId": asset.id,
        "name": asset.name,
        "size": facts.size,
        "versionInfo": {
            "id": asset.version_id(asset.current),
            "name": f"Version {asset.current.number}",
        },
        "filePath": asset.path,
        "url": file_url(url_endpoint, asset.path),
        "fileType": "image" if facts.is_image else "non-image",
        "AITags": None,
    }
    if facts.height is not None:
        result |= {"height": facts.height, "width": facts.width}
    result |= facts.video
    if facts.is_image:
        result["thumbnailUrl"] = file_url(f"{url_endpoint}/tr:n-{THUMBNAIL}", asset.path)
    if asset.current.attributes.description is not None:
        result["description"] = asset.current.attributes.description
    return result


def folder_object(folder: Folder) -> dict[str, Any]:
    """Build the object of a folder."""
    return {
        "type": "folder",
        "name": folder.name,
        "createdAt": iso_time(folder.created_ms),
        "updatedAt": iso_time(folder.updated_ms),
        "folderId": folder.id,
        "folderPath": folder.path,
        "customMetadata": {},
    }
