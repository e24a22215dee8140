"""The button on a task that opens the report it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.links.imagekit import StoredLink

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["ImageKitReportLink", "browser_url"]


class ImageKitReportLink(StoredLink):
    """Opens the report that a task wrote."""

    name = "ImageKit report"
    key = "imagekit_report_url"

    @classmethod
    def persist(cls, context: Context, path: str, url: str | None = None) -> None:
        """
        Store the address for the link; nothing if a browser cannot reach the report.

        :param context: the task's context.
        :param path: where the report was written, as ``ObjectStoragePath`` reads it.
        :param url: where people read it, if that cannot be told from the path.
        """
        if address := url or browser_url(path):
            cls._store(context, address)


def browser_url(path: str) -> str:
    """
    Return where a browser finds a file of a storage; blank if that is unknown, as for a file on a disk:
    Airflow links to http and https alone.

    For S3 and Google Cloud Storage that is the page of people with an account there, so that a report in a
    private bucket needs no signed address.

    :param path: as ``ObjectStoragePath`` reads it.
    """
    parts = urlsplit(path)
    bucket, key = parts.netloc.rpartition("@")[2], quote(parts.path.lstrip("/"))
    if parts.scheme in {"http", "https"}:
        return path
    if parts.scheme in {"s3", "s3a"}:
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}"
    if parts.scheme in {"gs", "gcs"}:
        return f"https://storage.cloud.google.com/{bucket}/{key}"
    return ""
