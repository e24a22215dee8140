"""
The media library: a folder of files, overlaid with uploads, changes and deletions made through the API.

The folder itself is read-only. Files added, changed or removed in it are detected without a restart.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.library.assets import Asset, Folder, Version
from airflow_provider_imagekit.emulator.library.disk import FolderOnDisk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_imagekit.emulator.library.store import Store

__all__ = ["Library"]

_LONG_SCAN_SECONDS = 0.1


class Library:
    """
    All files by path and by id; thread-safe.

    :param root: the folder.
    :param store: store of uploads and changes.
    :raises NotADirectoryError: if it is not a folder.
    """

    def __init__(self, root: Path, store: Store) -> None:
        self._disk = FolderOnDisk(root)
        self._store = store
        self._lock = threading.RLock()
        self._assets = {asset.path: asset for asset in store.load()}
        self._paths = {asset.id: asset.path for asset in self._assets.values()}
        self._uses = Counter(blob for asset in self._assets.values() for blob in _blobs(asset))
        store.drop(store.contents() - self._uses.keys())
        self._fresh_until = 0.0
        #: Called after each :meth:`change` with the file before and after it.
        self.on_change: Callable[[Asset | None, Asset], None] | None = None

    def refresh(self) -> None:
        """
        Scan the folder for files that were added, changed or removed.

        A large folder whose scan takes over 0.1 s of CPU time is scanned for at most a tenth of the time.
        """
        if time.monotonic() < self._fresh_until:
            return
        # CPU time, or a small folder on a busy machine would count as large and list files already removed.
        started, before = time.monotonic(), time.thread_time()
        found = dict(self._disk.scan())
        took = time.thread_time() - before
        self._fresh_until = started + 10 * took if took > _LONG_SCAN_SECONDS else 0.0
        with self._lock:
            for path, status in found.items():
                if path not in self._assets:
                    self._found(path, status)
                elif self._assets[path].disk != _signature(status):
                    self.by_path(path)  # another thread may have seen a newer state since the scan
            missing = [path for path, asset in self._assets.items() if asset.disk and path not in found]
            for path in missing:
                if self._disk.stat(path) is None:  # otherwise it was added during the scan
                    self._gone(path)

    def by_path(self, path: str) -> Asset | None:
        """
        Return the current file at a path.

        :param path: decoded path in the media library; a path that leads out of it matches no file.
        """
        status = self._disk.stat(path)
        with self._lock:
            if status is not None:
                self._found(path, status)
            else:
                self._gone(path)
            asset = self._assets.get(path)
            return asset if asset and asset.versions else None

    def by_id(self, file_id: str) -> Asset | None:
        """Return the current file with an id; the folder is scanned again if the id is unknown."""
        path = self._paths.get(file_id)
        if path is None:
            self.refresh()
            path = self._paths.get(file_id)
        return self.by_path(path) if path is not None else None

    def assets(self) -> list[Asset]:
        """Return all current files, sorted by path."""
        self.refresh()
        with self._lock:
            return sorted(
                (asset for asset in self._assets.values() if asset.versions), key=lambda asset: asset.path
            )

    def folders(self) -> list[Folder]:
        """Return all folders as of the last scan of the library, sorted by path."""
        with self._lock:
            folders = dict(self._disk.folders)
            for asset in self._assets.values():
                if asset.versions:
                    for path in _parents(asset.path):
                        created = asset.current.created_ms
                        folders.setdefault(path, Folder(path, created, created))
        return sorted(folders.values(), key=lambda folder: folder.path)

    def read(self, asset: Asset, version: Version) -> bytes:
        """
        Return the content of a version.

        :raises FileNotFoundError: if it has been removed or cannot be read.
        """
        if version.blob is None:
            try:
                return self._disk.locate(asset.path).read_bytes()
            except OSError as error:
                raise FileNotFoundError(asset.path) from error
        try:
            return self._store.get(version.blob)
        except KeyError:
            raise FileNotFoundError(asset.path) from None

    def locate(self, asset: Asset, version: Version) -> Path | None:
        """Return the location of a version's file on disk; ``None`` for an uploaded version."""
        return self._disk.locate(asset.path) if version.blob is None else None

    def change(self, path: str, change: Callable[[Asset | None], Asset]) -> Asset:
        """
        Change a file under the library's lock, and store the change.

        :param path: path in the media library.
        :param change: returns the new file for the current one, which is ``None`` if there never was one. A
            file without versions is deleted. If the function raises, nothing is changed.
        """
        with self._lock:
            known = self.by_path(path) or self._assets.get(path)
            asset = change(known)
            if asset.versions or asset.disk:
                self._assets[path] = asset
                self._paths[asset.id] = path
                self._store.save(asset)
            else:
                self._assets.pop(path, None)
                self._store.forget(path)
            previous = _blobs(known) if known else []
            self._uses.update(_blobs(asset))
            self._uses.subtract(previous)
            self._drop_unused(previous)
            if self.on_change is not None:
                self.on_change(known, asset)
            return asset

    def _drop_unused(self, blobs: Iterable[str]) -> None:
        unused = [blob for blob in set(blobs) if self._uses[blob] <= 0]
        for blob in unused:
            del self._uses[blob]
        if unused:
            self._store.drop(unused)

    def upload(self, path: str, content: bytes, change: Callable[[Asset | None, str], Asset]) -> Asset:
        """
        Change a file as :meth:`change` does, with new content.

        :param path: path in the media library.
        :param content: the new content.
        :param change: like there, but also receives the content's digest for :class:`Version`.
        """
        with self._lock:
            blob = self._store.put(content)
            try:
                return self.change(path, lambda known: change(known, blob))
            finally:
                self._drop_unused([blob])

    def _found(self, path: str, status: os.stat_result) -> None:
        signature = _signature(status)
        asset = self._assets.get(path)
        if asset is None or asset.disk != signature:
            asset = (asset or Asset(path, None, ())).found_on_disk(signature, status.st_mtime_ns // 1_000_000)
            self._assets[path] = asset
            self._paths[asset.id] = path

    def _gone(self, path: str) -> None:
        asset = self._assets.get(path)
        if asset is None or asset.disk is None:
            return
        remaining = asset.gone_from_disk()
        if remaining.versions:
            self._assets[path] = remaining
        else:
            del self._assets[path]
            self._store.forget(path)


def _blobs(asset: Asset) -> list[str]:
    return [version.blob for version in asset.versions if version.blob]


def _signature(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def _parents(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: index + 1]) for index in range(len(parts))]
