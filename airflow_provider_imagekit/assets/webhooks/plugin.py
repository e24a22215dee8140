"""The Airflow plugin that receives ImageKit's webhooks, on Airflow 3."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.compat import AIRFLOW_3, AirflowPlugin

__all__ = ["URL_PREFIX", "ImageKitWebhooksPlugin"]

#: Where the receiver is mounted in Airflow's API server; the id of an Airflow Connection follows.
URL_PREFIX = "/imagekit/webhooks"


class _Receiver:
    """The receiver, imported at the first request, since every Airflow process loads the plugins."""

    _app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from airflow_provider_imagekit.assets.webhooks.receiver import airflow_receiver

            self._app = airflow_receiver()
        await self._app(scope, receive, send)


class ImageKitWebhooksPlugin(AirflowPlugin):
    """
    Receive webhooks at ``/imagekit/webhooks/{imagekit_conn_id}`` and create asset events from them.

    Without ``webhook_secrets`` in the Airflow Connection every delivery is refused with 401. On Airflow 2 the
    plugin does nothing.
    """

    name = "imagekit_webhooks"
    fastapi_apps = (
        [{"app": _Receiver(), "url_prefix": URL_PREFIX, "name": "ImageKit webhooks"}] if AIRFLOW_3 else []
    )
