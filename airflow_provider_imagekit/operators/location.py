"""Operator that checks whether a picture reveals where it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import flag
from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.library.table.capture import place
from airflow_provider_imagekit.library.table.coerce import as_dict
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    PICTURE_LINKS,
    ImageKitOperator,
    fail_without_retry,
)
from airflow_provider_imagekit.operators.picture import metadata_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["LocationCheckOperator"]


class LocationCheckOperator(ImageKitOperator):
    """
    Fail if a picture reveals where it was taken, which means that its EXIF contains coordinates.

    XCom contains only whether it does, never the coordinates. An untransformed ``url`` has the metadata of
    the original. A transformed picture contains no coordinates unless its URL has ``md-true``, so pass the
    exact URL that is to be published.

    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated) Exactly one of these two is required.
    :param fail_on_location: whether to fail, by default true; if false, a branch can use ``has_gps``.
        (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``{"has_gps": true}``.
    :raises AirflowFailException: if the picture reveals where it was taken, or for an error that a retry
        cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = ("file_id", "url", "fail_on_location", *CONNECTION_ARGUMENTS)
    label_arguments = ("file_id", "url")
    operator_extra_links = PICTURE_LINKS

    def __init__(
        self,
        *,
        file_id: str | None = None,
        url: str | None = None,
        fail_on_location: bool | str = True,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.file_id = file_id
        self.url = url
        self.fail_on_location = fail_on_location
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the EXIF for coordinates; see the class."""
        self._label(context)
        with fail_without_retry():
            fails = flag(self.fail_on_location, "fail_on_location")
            name, metadata = metadata_of(
                self.hook, self.file_id, self.url, lambda: self._persist_picture_links(context)
            )
        has_gps = place(as_dict(metadata.get("exif"))).latitude is not None
        self.log.info("%s %s where it was taken.", name, "reveals" if has_gps else "does not reveal")
        if has_gps and fails:
            raise AirflowFailException(
                f"{name} reveals where it was taken: its EXIF contains coordinates. Publish a transformed "
                "URL without md-true, or upload the picture again without them."
            )
        return {"has_gps": has_gps}
