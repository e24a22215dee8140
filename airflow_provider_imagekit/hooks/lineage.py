"""What a hook has read and written, for Airflow's collector of lineage."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit import compat

if TYPE_CHECKING:
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

__all__ = ["note_read", "note_written"]


def note_read(hook: ImageKitHook, *, url: str | None = None, **file: str | None) -> None:
    """
    Note a file, a folder or the library as read; nothing here fails the task.

    :param hook: what has read it.
    :param url: the delivery URL, or
    :param file: ``path`` or ``file_id``.
    """
    _note("input", hook, url, file)


def note_written(hook: ImageKitHook, *, path: str) -> None:
    """Note a file as written; nothing here fails the task."""
    _note("output", hook, None, {"path": path})


def _note(direction: str, hook: ImageKitHook, url: str | None, file: dict[str, Any]) -> None:
    with suppress(Exception):
        collector = compat.get_hook_lineage_collector()
        if type(collector).__name__ == "NoOpCollector":
            return
        # Here, so that who collects nothing loads nothing.
        from airflow_provider_imagekit.assets.uri import asset_uri, uri_of_url

        uri = uri_of_url(url) if url is not None else asset_uri(hook.account, **file)
        kind = "asset" if compat.AIRFLOW_3 else "dataset"
        getattr(collector, f"add_{direction}_{kind}")(context=hook, uri=uri)
