"""Reads the webhook secrets and assets of an Airflow Connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_imagekit.compat import BaseHook, conf, mask_secret
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, WebhookVerificationError
from airflow_provider_imagekit.hooks.connection import webhook_settings

__all__ = ["Endpoint", "Endpoints"]

#: Seconds for which a Connection is cached, so that unauthenticated requests cannot cause constant reads.
_FRESH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    Webhook settings of an Airflow Connection.

    :param secrets: secrets of the webhooks; several during a rotation.
    :param assets: folders by asset name; an asset receives the events of its folder, ``/`` for all.
    """

    secrets: tuple[str, ...] = field(repr=False)
    assets: Mapping[str, str]


class Endpoints:
    """
    Reads Airflow Connections, each at most once a second.

    :param read: returns the extra fields of an Airflow Connection.
    :param clock: returns monotonic seconds.
    """

    def __init__(
        self,
        read: Callable[[str], Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read or _extra_of
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Endpoint | Exception]] = {}

    def get(self, conn_id: str) -> Endpoint:
        """
        Return the endpoint of an Airflow Connection.

        :param conn_id: id of the Connection; from the URL of a request, so not trusted.
        :raises WebhookVerificationError: if the Connection does not receive webhooks.
        :raises ImageKitConfigurationError: if its fields are not valid.
        """
        if conn_id not in _allowed():
            raise WebhookVerificationError(
                "It does not receive webhooks.",
                help="Add it to webhook_conn_ids in the section [imagekit] of Airflow's configuration.",
            )
        with self._lock:
            read_at, found = self._known.get(conn_id, (0.0, None))
            if found is None or self._clock() - read_at > _FRESH_SECONDS:
                found = self._load(conn_id)
                self._known[conn_id] = (self._clock(), found)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _load(self, conn_id: str) -> Endpoint | Exception:
        try:
            secrets, assets = webhook_settings(self._read(conn_id))
        except ImageKitConfigurationError as error:
            return error
        except Exception as error:  # noqa: BLE001 - secrets backends raise their own errors
            kind = type(error).__name__
            return WebhookVerificationError(f"The Airflow Connection cannot be read ({kind}).")
        mask_secret(list(secrets))
        return Endpoint(secrets, assets)


def _allowed() -> set[str]:
    names = conf.get("imagekit", "webhook_conn_ids", fallback="imagekit_default")
    return {name.strip() for name in names.split(",")}


def _extra_of(conn_id: str) -> Mapping[str, Any]:
    extra: Mapping[str, Any] = BaseHook.get_connection(conn_id).extra_dejson
    return extra
