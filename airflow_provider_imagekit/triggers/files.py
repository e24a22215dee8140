"""Event trigger that watches a folder or a search for new, changed and deleted files."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from typing import Any

from airflow_provider_imagekit.arguments import choice, number, optional_text, texts
from airflow_provider_imagekit.compat import BaseEventTrigger, TriggerEvent
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.library.arrivals import CHANGED, KINDS, MAX_OVERLAP, NEW, Arrival, event_of
from airflow_provider_imagekit.library.watch import FILE_TYPES, Selection
from airflow_provider_imagekit.triggers.files_stream import (
    FilesProducer,
    Poller,
    PollResult,
    Watcher,
    watching,
)

__all__ = ["MIN_POLL_INTERVAL", "ImageKitFilesTrigger"]

#: Minimum number of seconds between two polls.
MIN_POLL_INTERVAL = 5.0


class ImageKitFilesTrigger(BaseEventTrigger):
    """
    Watch a folder or a search of the media library, for an ``AssetWatcher`` of Airflow 3.

    ::

        trigger = ImageKitFilesTrigger(path="/products")
        pictures = Asset("products", watchers=[AssetWatcher(name="uploads", trigger=trigger)])

    Each event has the number of files, the period in which they arrived, and the first 20 of them. It is only
    a hint: Airflow combines several events into one DAG run, so a task must search from ``from`` itself.

    On Airflow 3.3 and later no event is lost. The cursor is stored in the asset's state after the event is in
    Airflow's database; a triggerer that is killed in between reports one poll again. Watchers with the same
    connection, search, folder and file type share one poll. On Airflow 3.0 to 3.2 the cursor is only in the
    trigger. A trigger that starts looks back by ``overlap``, so after a restart it reports these files again
    and misses older ones.

    ImageKit updates the same time for a change of a file's details and of its content, so both are
    ``changed``, once for each version in an overlap. A DAG that writes to the files of its events needs
    ``kinds=["new"]``.

    :param imagekit_conn_id: the Airflow Connection with the private key. Default: ``imagekit_default``.
    :param search_query: a query in ImageKit's search language, such as ``tags IN ["review"]``. Default: all
        files.
    :param path: a folder, without its subfolders. Default: all folders.
    :param file_type: ``all``, ``image`` or ``non-image``. Default: ``all``.
    :param kinds: which of ``new``, ``changed`` and ``deleted`` to report. ``deleted`` costs a second request
        for each poll, takes two polls, and works for fewer than 1,000 files. Default: ``new`` and
        ``changed``.
    :param poll_interval: seconds between two polls, at least 5. Default: 60. Watchers that share a poll use
        the shortest interval.
    :param overlap: seconds before the newest file from which each poll searches, 1 to 3600, for files that
        appear late in the search and for clocks that differ. Default: 300. More than 2,500 files in that time
        shorten it.
    :param delay: age in seconds that a file must have before it is reported, 0 to 3600. Default: 0. With a
        webhook for the same asset, 15 lets the webhook report it first.
    :param name: distinguishes this trigger from another one with the same arguments. Each asset needs its own
        trigger; otherwise Airflow cannot distinguish their states.
    :raises ImageKitInputError: if an argument is invalid.
    """

    #: Sleeps between polls; tests replace it.
    sleep: Callable[[float], Awaitable[Any]] = staticmethod(asyncio.sleep)

    def __init__(
        self,
        *,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        search_query: str | None = None,
        path: str | None = None,
        file_type: str | None = None,
        kinds: Sequence[str] = (NEW, CHANGED),
        poll_interval: float = 60.0,
        overlap: float = 300.0,
        delay: float = 0.0,
        name: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.imagekit_conn_id = imagekit_conn_id
        self.search_query = optional_text(search_query, "search_query")
        self.path = optional_text(path, "path")
        self.file_type = choice(file_type, "file_type", FILE_TYPES) if file_type is not None else None
        self.kinds = [choice(kind, "kinds", KINDS) for kind in texts(kinds, "kinds")]
        if not self.kinds:
            raise ImageKitInputError("kinds is empty.", help=f"Use one or more of {', '.join(KINDS)}.")
        self.poll_interval = number(poll_interval, "poll_interval", least=MIN_POLL_INTERVAL)
        self.overlap = number(overlap, "overlap", least=1.0, most=MAX_OVERLAP)
        self.delay = number(delay, "delay", most=MAX_OVERLAP)
        self.name = name

    @functools.cached_property
    def hook(self) -> ImageKitHook:
        """The hook of this trigger."""
        return ImageKitHook(self.imagekit_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments as plain JSON."""
        return (
            "airflow_provider_imagekit.triggers.files.ImageKitFilesTrigger",
            {
                "imagekit_conn_id": self.imagekit_conn_id,
                "search_query": self.search_query,
                "path": self.path,
                "file_type": self.file_type,
                "kinds": self.kinds,
                "poll_interval": self.poll_interval,
                "overlap": self.overlap,
                "delay": self.delay,
                "name": self.name,
            },
        )

    def shared_stream_key(self) -> Hashable | None:
        """Return the key of triggers that share a poll; ``None`` if Airflow cannot acknowledge events."""
        if not hasattr(BaseEventTrigger, "create_shared_stream_producer"):
            return None
        return (
            "imagekit-files",
            self.imagekit_conn_id,
            self.search_query or "",
            self.path or "",
            self.file_type or "",
        )

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """Return the producer of a group's polls; Airflow 3.3 calls it once for each group."""
        trigger = cls(**kwargs)
        return FilesProducer(trigger.shared_stream_key(), trigger._poller(), cls.sleep)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[PollResult]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each of the group's polls that has files for this trigger."""
        watcher = self._watcher(getattr(self, "asset_state_store", None))
        await self._load(watcher)
        with watching(self.shared_stream_key(), watcher):
            async for result in shared_stream:
                if found := await watcher.take(result):
                    yield self._event(found)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for this trigger alone: Airflow 3.0 to 3.2."""
        watcher, poller = self._watcher(None), self._poller()
        await watcher.load()
        while True:
            result = await poller.poll([watcher])
            if result is not None and (found := await watcher.take(result)):
                yield self._event(found)
            await self.sleep(self.poll_interval)

    async def _load(self, watcher: Watcher) -> None:
        """Load the cursor; retry until it is loaded, because files could be missed without it."""
        while True:
            try:
                return await watcher.load()
            except (ImageKitConfigurationError, ImageKitInputError) as error:
                self.log.error("%s", error)
            except Exception:
                self.log.exception("The stored state of the watcher could not be read; retrying.")
            await self.sleep(self.poll_interval)

    def _watcher(self, store: Any) -> Watcher:
        return Watcher(store, self.kinds, self.poll_interval, self.overlap, self.delay)

    def _poller(self) -> Poller:
        return Poller(self.hook, Selection(self.search_query, self.path, self.file_type))

    def _event(self, found: list[Arrival]) -> TriggerEvent:
        self.log.info("New, changed or deleted: %s.", counted(len(found), "file"))
        return TriggerEvent(event_of(found))
