"""File and folder objects as listing, details and versions return them."""

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
        extra["allow_http"] = True  # the client refuses plain http to another machine otherwise
    return {"conn_type": "imagekit", "password": private_key, "host": base_url, "extra": extra}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def file_url(url_endpoint: str, path: str) -> str:
    """Return the address at which a file of the library is delivered."""
    return url_endpoint + quote(path)


def iso_time(milliseconds: int) -> str:
    """Return a time as ImageKit writes it: ``2019-08-24T06:14:41.313Z``."""
    # File systems know times that no calendar does.
    moment = datetime.fromtimestamp(min(max(milliseconds, _EARLIEST_MS), _LATEST_MS) / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file_object(asset: Asset, version: Version, facts: Facts, url_endpoint: str) -> dict[str, Any]:
    """
    Return a version of a file; the newest has the type ``file``, older ones ``file-version``.

    :param asset: the file.
    :param version: one of its versions.
    :param facts: what was measured of the version's content.
    :param url_endpoint: URL endpoint for the addresses.
    """
    attributes = version.attributes
    is_current = version.number == asset.current.number
    query = "" if is_current else f"ik-obj-version={asset.version_id(version)}&"
    url = f"{file_url(url_endpoint, asset.path)}?{query}updatedAt={version.updated_ms}"
    answer: dict[str, Any] = {
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
        answer |= {"height": facts.height, "width": facts.width}
    answer |= facts.video
    if attributes.description is not None:
        answer["description"] = attributes.description
    return answer


def uploaded_object(asset: Asset, facts: Facts, url_endpoint: str) -> dict[str, Any]:
    """
    Return the current version of a file as the upload API returns it.

    :param asset: the file.
    :param facts: what was measured of its content.
    :param url_endpoint: URL endpoint for the addresses.
    """
    answer: dict[str, Any] = {
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
        answer |= {"height": facts.height, "width": facts.width}
    answer |= facts.video
    if facts.is_image:
        answer["thumbnailUrl"] = file_url(f"{url_endpoint}/tr:n-{THUMBNAIL}", asset.path)
    if asset.current.attributes.description is not None:
        answer["description"] = asset.current.attributes.description
    return answer


def folder_object(folder: Folder) -> dict[str, Any]:
    """Return a folder."""
    return {
        "type": "folder",
        "name": folder.name,
        "createdAt": iso_time(folder.created_ms),
        "updatedAt": iso_time(folder.updated_ms),
        "folderId": folder.id,
        "folderPath": folder.path,
        "customMetadata": {},
    }
