"""All that the routes need: the media library, what is known of it, keys, limits, and threads to work in."""

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
    :param measurer: what is known of its files.
    :param keyring: private keys.
    :param limiter: rate limits.
    :param pool: threads for work on files and pictures, so that the event loop never waits for a disk.
    :param jobs: purges and changes of folders.
    :param usage: counters of usage that differ from the server's own.
    :param custom_fields: custom metadata fields by id.
    :param webhooks: webhooks and their events.
    :param webhook_hosts: hosts beside this machine that webhooks may be on.
    :param named_transformations: name to transformation string.
    :param url_endpoints: further URL endpoints whose addresses are answered as the server's own, such as
        ``https://ik.imagekit.io/your_id``; nothing is ever fetched from there.
    :param restrict_unsigned: whether every delivery needs a signed URL.
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
        """Return the named transformations, that of thumbnails among them."""
        return {THUMBNAIL: "w-100,h-100,c-at_max", **self.named_transformations}

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Do work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *arguments)
