"""Assets of ImageKit's files, for schedules, inlets and outlets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.assets.uri import asset_uri
from airflow_provider_imagekit.compat import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["create_asset"]


def create_asset(
    *,
    account: str,
    path: str | None = None,
    file_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Asset:
    """
    Return the asset of a file, a folder, or a whole media library.

    :param account: the ImageKit id, or the URL endpoint: ``demo``, ``https://ik.imagekit.io/demo``,
        ``https://images.example.com``.
    :param path: file or folder in the media library, such as ``/products/shoe.jpg``.
    :param file_id: ImageKit's id of the file. At most one of the two; the whole library without either.
    :param extra: plain JSON that the asset carries.
    :raises ImageKitInputError: for both, or if the account is not valid.
    """
    return Asset(uri=asset_uri(account, path=path, file_id=file_id), extra=dict(extra or {}))
