"""State shared by all routes: media library, measured properties, keys, limits and a thread pool."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_imagekit.emulator.library.jobs import JobBook
from airflow_provider_imagekit.emulator.webhooks.book import WebhookBook
from airflow_provider_imagekit.emulator.webhooks.deliveries import Deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import ThreadPoolExecutor

    from airflow_provider_imagekit.emulator.auth import Keyring
    from airflow_provider_imagekit.emulator.library.library import Library
    from airflow_provider_imagekit.emulator.library.measure import Measurer
    from airflow_provider_imagekit.emulator.limits import Limiter

__all__ = ["THUMBNAIL", "Account"]

#: Named transformation of the dashboard's thumbnails; every account has it.
THUMBNAIL = "ik_ml_thumbnail"

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Account:
    """
    One ImageKit account.

    :param imagekit_id: name in the URL endpoint.
    :param library: the media library.
    :param measurer: measures its files.
    :param keyring: private keys.
    :param limiter: rate limits.
    :param pool: threads for work on files and pictures, so that the event loop never waits for a disk.
    :param jobs: cache purges and folder jobs.
    :param usage: usage counters to report instead of the server's own.
    :param custom_fields: custom metadata fields by id.
    :param webhooks: webhooks and their events.
    :param webhook_hosts: hosts other than this machine to which webhooks may be sent.
    :param named_transformations: name to transformation string.
    :param url_endpoints: additional URL endpoints that the server treats as its own, such as
        ``https://ik.imagekit.io/your_id``; it never fetches anything from them.
    :param restrict_unsigned: whether every delivery requires a signed URL.
    """

    imagekit_id: str
    library: Library
    measurer: Measurer
    keyring: Keyring
    limiter: Limiter
    pool: ThreadPoolExecutor
    jobs: JobBook = field(default_factory=JobBook)
    usage: dict[str, int] = field(default_factory=dict)
    custom_fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhooks: WebhookBook = field(default_factory=lambda: WebhookBook(Deliveries().put))
    webhook_hosts: frozenset[str] = frozenset()
    named_transformations: Mapping[str, str] = field(default_factory=dict)
    url_endpoints: tuple[str, ...] = ()
    restrict_unsigned: bool = False

    @property
    def transformations(self) -> dict[str, str]:
        """Return the named transformations, including the one for thumbnails."""
        return {THUMBNAIL: "w-100,h-100,c-at_max", **self.named_transformations}

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Run work in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *arguments)
