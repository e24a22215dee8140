"""Read-only access to the library folder on disk; paths and links that lead out of it are ignored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.library.assets import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SIDECAR_SUFFIX", "FolderOnDisk"]

#: Suffix of a sidecar file with a video's metadata; sidecar files are not listed in the library.
SIDECAR_SUFFIX = ".imagekit.json"


class FolderOnDisk:
    """
    Files of the folder, by their path in the media library.

    :param root: the folder.
    :raises NotADirectoryError: if it is not a folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is not a folder; the library must be a folder of pictures.")
        self._root = root.resolve()
        #: Subfolders found by the last :meth:`scan`, by path.
        self.folders: dict[str, Folder] = {}

    def locate(self, path: str) -> Path:
        """Return the location of a library file on disk."""
        return self._root.joinpath(*path.strip("/").split("/"))

    def stat(self, path: str) -> os.stat_result | None:
        """Return the status of a file; ``None`` if it does not exist or its path leads out of the folder."""
        parts = path.removeprefix("/").split("/")
        if any(_hidden(part) or "\x00" in part for part in parts) or not path.startswith("/"):
            return None
        try:
            real = self.locate(path).resolve()
            if not real.is_relative_to(self._root) or not real.is_file():
                return None
            return real.stat()
        except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
            return None

    def scan(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the path and the status of every file."""
        folders: dict[str, Folder] = {}
        waiting = [("", self._root)]
        while waiting:
            prefix, directory = waiting.pop()
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        path = f"{prefix}/{entry.name}"
                        if _hidden(entry.name):
                            continue
                        if (modified := _folder_time(entry)) is not None:
                            folders[path] = Folder(path, modified, modified)
                            waiting.append((path, Path(entry.path)))
                        elif (status := self._stat_entry(path, entry)) is not None:
                            yield path, status
            except OSError:
                continue  # removed or unreadable
        self.folders = folders

    def _stat_entry(self, path: str, entry: os.DirEntry[str]) -> os.stat_result | None:
        # Only a symbolic link can lead out of the folder, so only links have to be resolved.
        if entry.is_symlink():
            return self.stat(path)
        try:
            return entry.stat() if entry.is_file() else None
        except OSError:
            return None  # removed during the scan; the rest of its folder must still be scanned


def _folder_time(entry: os.DirEntry[str]) -> int | None:
    """Return a folder's modification time in milliseconds; ``None`` if it is not a readable folder."""
    try:
        if entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
    except OSError:
        pass
    return None


def _hidden(part: str) -> bool:
    if not part or part.startswith(".") or part.endswith(SIDECAR_SUFFIX):
        return True
    return not part.isprintable() and any(
        "\ud800" <= character <= "\udfff" for character in part
    )  # not UTF-8
