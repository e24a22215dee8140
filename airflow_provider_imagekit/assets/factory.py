"""Creates assets of ImageKit files for schedules, inlets and outlets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.assets.uri import asset_uri, uri_of_url
from airflow_provider_imagekit.compat import Asset
from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["create_asset"]


def create_asset(
    *,
    account: str | None = None,
    path: str | None = None,
    file_id: str | None = None,
    url: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Asset:
    """
    Return the asset of a file, a folder, or a whole media library.

    :param account: the ImageKit id or the URL endpoint: ``demo``, ``https://ik.imagekit.io/demo``,
        ``https://images.example.com``.
    :param path: file or folder in the media library, such as ``/products/shoe.jpg``.
    :param file_id: ImageKit's id of the file. Pass at most one of ``path`` and ``file_id``; without both, the
        asset is the whole library.
    :param url: delivery URL of the file, instead of the arguments above. The asset contains neither its
        transformations nor its signature.
    :param extra: the asset's ``extra``, as plain JSON.
    :raises ImageKitInputError: for another combination of arguments, or for an invalid account or URL.
    """
    return Asset(uri=_uri(account, url, path=path, file_id=file_id), extra=dict(extra or {}))


def _uri(account: str | None, url: str | None, **file: str | None) -> str:
    if account is not None and url is None:
        return asset_uri(account, **file)
    if url is None or account is not None or any(value is not None for value in file.values()):
        raise ImageKitInputError(
            "An asset needs either account or url.", help="Pass path or file_id only with account."
        )
    try:
        return uri_of_url(url)
    except ValueError as error:
        raise ImageKitInputError(
            f"url does not name a file: {error}.",
            help="Pass the delivery URL, such as https://ik.imagekit.io/your_imagekit_id/shoe.jpg.",
        ) from error
