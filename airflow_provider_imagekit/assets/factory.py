"""Creates assets of ImageKit files for schedules, inlets and outlets."""

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

    :param account: the ImageKit id or the URL endpoint: ``demo``, ``https://ik.imagekit.io/demo``,
        ``https://images.example.com``.
    :param path: file or folder in the media library, such as ``/products/shoe.jpg``.
    :param file_id: ImageKit's id of the file. Pass at most one of ``path`` and ``file_id``; without both, the
        asset is the whole library.
    :param extra: the asset's ``extra``, as plain JSON.
    :raises ImageKitInputError: if both are passed, or the account is not valid.
    """
    return Asset(uri=asset_uri(account, path=path, file_id=file_id), extra=dict(extra or {}))
