"""Fetches the metadata of a task's picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import is_absent, text
from airflow_provider_imagekit.client.endpoints import mask_signature, parse_file_id, parse_url
from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

__all__ = ["metadata_of"]


def metadata_of(
    hook: ImageKitHook, file_id: object, url: object, link: Callable[[], None]
) -> tuple[str, dict[str, Any]]:
    """
    Fetch the metadata of a picture.

    :param hook: sends the request.
    :param file_id: id of the picture in the media library.
    :param url: delivery URL of the picture. Exactly one of these two is required.
    :param link: stores the links to the picture; called before the request.
    :return: a description of the picture, without a signature, and its metadata.
    :raises ImageKitInputError: if both arguments or none are given, or a value is not valid.
    :raises ImageKitError: as the hook does.
    """
    if is_absent(file_id) == is_absent(url):
        raise ImageKitInputError("Exactly one of file_id and url is required.")
    if is_absent(url):
        file_id = parse_file_id(text(file_id, "file_id"), "file_id")
        link()
        return f"file_id {file_id}", hook.get_file_metadata(file_id)
    url = parse_url(url, "url")
    link()
    return f"url {mask_signature(url)}", hook.get_remote_url_metadata(url)
