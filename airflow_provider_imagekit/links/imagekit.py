"""Extra links of a task to its picture or its report."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.compat import BaseOperatorLink, XCom, conf

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import BaseOperator, Context, TaskInstanceKey

__all__ = [
    "ImageKitFileLink",
    "ImageKitMediaLibraryLink",
    "ImageKitReportLink",
    "StoredLink",
    "browser_url",
    "media_library_url",
]

log = logging.getLogger(__name__)


class StoredLink(BaseOperatorLink):
    """A link whose address the task stores in XCom, since Airflow 2 resolves links in the webserver."""

    key: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the stored address; blank if there is none."""
        return XCom.get_value(key=self.key, ti_key=ti_key) or ""

    @classmethod
    def _store(cls, context: Context, address: str) -> None:
        # A link is an XCom, so a task without do_xcom_push has no links.
        task = context.get("task")
        if address and getattr(task, "do_xcom_push", True):
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
    """Opens the file's page in ImageKit's media library, or the library itself; requires an account."""

    name = "ImageKit media library"
    key = "imagekit_media_library_url"

    @classmethod
    def persist(cls, context: Context, file_id: str = "") -> None:
        """
        Store the address for the link.

        :param context: the task's context.
        :param file_id: ImageKit's id of the file; blank for the library itself.
        """
        cls._store(context, media_library_url(file_id))


class ImageKitReportLink(StoredLink):
    """Opens the report or the listing that a task wrote."""

    name = "ImageKit report"
    key = "imagekit_report_url"

    @classmethod
    def persist(cls, context: Context, path: str, url: str | None = None) -> str:
        """
        Store the address for the link, if a browser can reach the report.

        :param context: the task's context.
        :param path: path of the report, in the form of ``ObjectStoragePath``.
        :param url: address of the report for people, if it cannot be derived from the path.
        :return: the address; blank if there is none.
        """
        address = url or browser_url(path)
        cls._store(context, address)
        return address


def media_library_url(file_id: str) -> str:
    """
    Return the address of a file's page in ImageKit's media library.

    :param file_id: ImageKit's id of the file; blank for the library itself.
    """
    page = f"/detail/{quote(str(file_id), safe='')}" if file_id else ""
    return f"https://imagekit.io/dashboard/media-library{page}"


def browser_url(path: str) -> str:
    """
    Return the address at which a browser finds a file in a storage; blank if it is unknown.

    A file below a folder of Airflow's option ``report_urls`` has the address configured there. For S3 and
    Google Cloud Storage it is the page in the provider's console, so a report in a private bucket does not
    need a signed address. Other files on a disk have no address, since Airflow links only to http and https.

    :param path: path of the file, in the form of ``ObjectStoragePath``.
    """
    if served := _served(path):
        return served
    parts = urlsplit(path)
    bucket, key = parts.netloc.rpartition("@")[2], quote(parts.path.lstrip("/"))
    if parts.scheme in {"http", "https"}:
        return path
    if parts.scheme in {"s3", "s3a"}:
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}"
    if parts.scheme in {"gs", "gcs"}:
        return f"https://storage.cloud.google.com/{bucket}/{key}"
    return ""


def _served(path: str) -> str:
    """Return the address of a file by its nearest folder in ``report_urls``; blank if there is none."""
    place = _without_connection(path)
    if "/../" in place:
        return ""
    urls = {f"{_without_connection(folder).rstrip('/')}/": url for folder, url in _report_urls().items()}
    nearest = max((folder for folder in urls if place.startswith(folder)), key=len, default=None)
    if nearest is None:
        return ""
    return f"{urls[nearest].rstrip('/')}/{quote(place.removeprefix(nearest))}"


def _without_connection(path: str) -> str:
    scheme, separator, rest = path.rpartition("://")
    if scheme in {"", "file"}:
        return rest
    bucket, slash, key = rest.partition("/")
    return f"{scheme}{separator}{bucket.rpartition('@')[2]}{slash}{key}"


def _report_urls() -> dict[str, str]:
    given = conf.get("imagekit", "report_urls", fallback="") or "{}"
    try:
        urls = json.loads(given)
    except ValueError:
        urls = None
    if isinstance(urls, dict) and all(str(url).startswith(("https://", "http://")) for url in urls.values()):
        return {str(folder): str(url) for folder, url in urls.items()}
    log.warning(
        "report_urls in Airflow's section [imagekit] is %.200r and is ignored. Use a JSON object of folders "
        'and their http addresses, such as {"/srv/reports": "https://reports.example"}.',
        given,
    )
    return {}
