"""The operator that checks whether a picture shows where it was taken."""

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
    Fail if a picture shows where it was taken: if its EXIF has coordinates.

    XCom holds whether it does, never the coordinates. The metadata of an untransformed ``url`` are those of
    the original. A transformed picture shows no place unless its URL has ``md-true``: pass the URL that is
    going to be published to check exactly that.

    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated) Exactly one of these two.
    :param fail_on_location: whether to fail; otherwise a branch can act on ``has_gps``. By default true.
        (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``{"has_gps": true}``.
    :raises AirflowFailException: if the picture shows where it was taken, and from an error that a
        retry cannot fix.
    :raises ImageKitError: for everything else that goes wrong.
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
        """Look for coordinates; see the class."""
        self._label(context)
        with fail_without_retry():
            fails = flag(self.fail_on_location, "fail_on_location")
            name, metadata = metadata_of(
                self.hook, self.file_id, self.url, lambda: self._persist_picture_links(context)
            )
        has_gps = place(as_dict(metadata.get("exif"))).latitude is not None
        self.log.info("%s %s where it was taken.", name, "shows" if has_gps else "does not show")
        if has_gps and fails:
            raise AirflowFailException(
                f"{name} shows where it was taken: its EXIF has coordinates. Publish a transformed "
                "URL without md-true, or upload the picture again without them."
            )
        return {"has_gps": has_gps}
