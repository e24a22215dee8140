"""Buttons on a task that open the picture it was about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_imagekit.compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import BaseOperator, Context, TaskInstanceKey

__all__ = ["ImageKitFileLink", "ImageKitMediaLibraryLink", "StoredLink"]


class StoredLink(BaseOperatorLink):
    """A link whose address the task stores: Airflow 2 asks for it in the webserver, where only XCom is."""

    key: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the stored address, or nothing if the task stored none."""
        return XCom.get_value(key=self.key, ti_key=ti_key) or ""

    @classmethod
    def _store(cls, context: Context, address: str) -> None:
        context["ti"].xcom_push(key=cls.key, value=address)


class ImageKitFileLink(StoredLink):
    """Opens the picture as ImageKit delivers it."""

    name = "ImageKit file"
    key = "imagekit_file_url"

    @classmethod
    def persist(cls, context: Context, url: str) -> None:
        """
        Store the address for the link.

        :param context: the task's context.
        :param url: delivery URL of the picture.
        """
        cls._store(context, url)


class ImageKitMediaLibraryLink(StoredLink):
    """Opens the file's page in ImageKit's media library, for people with an account."""

    name = "ImageKit media library"
    key = "imagekit_media_library_url"

    @classmethod
    def persist(cls, context: Context, file_id: str) -> None:
        """
        Store the address for the link.

        :param context: the task's context.
        :param file_id: ImageKit's id of the file.
        """
        cls._store(context, f"https://imagekit.io/dashboard/media-library/detail/{quote(file_id, safe='')}")
