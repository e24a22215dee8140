"""Immutable records of the media library: files, versions and folders."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["Asset", "Attributes", "Folder", "Version", "asset_id"]


def asset_id(kind: str, path: str) -> str:
    """
    Return an id in ImageKit's format: 24 lower-case hexadecimal digits.

    It depends on the path alone, so ids are the same in every run and a replaced file keeps its id.

    :param kind: ``file``, ``folder``, or ``version N`` for later versions.
    :param path: path in the media library.
    """
    return hashlib.sha256(f"{kind}\n{path}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes that users set on a file."""

    tags: tuple[str, ...] | None = None
    custom_metadata: dict[str, Any] = field(default_factory=dict)
    custom_coordinates: str | None = None
    description: str | None = None
    private: bool = False
    published: bool = True


@dataclass(frozen=True, slots=True)
class Version:
    """
    One version of a file.

    :param number: 1 for the first.
    :param blob: digest of the uploaded content; ``None`` when the content is the file in the library folder.
    :param created_ms: Unix time in milliseconds.
    :param updated_ms: Unix time in milliseconds.
    :param attributes: attributes that users set.
    """

    number: int
    blob: str | None
    created_ms: int
    updated_ms: int
    attributes: Attributes = field(default_factory=Attributes)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file or folder at a path in the media library, with a leading slash."""

    path: str

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Return the path of the parent folder; ``/`` at the top."""
        return self.path.rpartition("/")[0] or "/"


@dataclass(frozen=True, slots=True)
class Asset(_Placed):
    """
    A file of the media library.

    :param path: path in the media library, with a leading slash.
    :param disk: signature of the file on disk when it was last read; ``None`` if there is no such file.
    :param versions: oldest first; empty for a file on disk that was deleted through the API.
    """

    disk: str | None
    versions: tuple[Version, ...]

    @property
    def id(self) -> str:
        """Return the ``fileId``."""
        return asset_id("file", self.path)

    @property
    def current(self) -> Version:
        """Return the newest version."""
        return self.versions[-1]

    def version_id(self, version: Version) -> str:
        """Return the ``versionInfo.id`` of a version; for the first version it is the ``fileId``."""
        return self.id if version.number == 1 else asset_id(f"version {version.number}", self.path)

    def content_key(self, version: Version) -> str:
        """Return a cache key that changes whenever the version's content may have changed."""
        return version.blob or f"{self.path}\n{self.disk}"

    def with_current(self, **changes: Any) -> Asset:
        """Return a copy with a changed current version."""
        return replace(self, versions=(*self.versions[:-1], replace(self.current, **changes)))

    def found_on_disk(self, disk: str, modified_ms: int) -> Asset:
        """
        Return a copy for a file that was added or changed on disk.

        A change on disk creates a new version, as an upload does. The previous content on disk no longer
        exists, so the version that referred to it is dropped.
        """
        kept = tuple(version for version in self.versions if version.blob is not None)
        if not self.versions:
            newest = Version(1, None, modified_ms, modified_ms)
        elif self.current.blob is None:
            newest = replace(self.current, number=self.current.number + 1, updated_ms=modified_ms)
        else:
            last = self.current
            newest = Version(last.number + 1, None, modified_ms, modified_ms, last.attributes)
        return Asset(self.path, disk, (*kept, newest))

    def gone_from_disk(self) -> Asset:
        """Return a copy for a file that was removed from disk; it may have no versions left."""
        return Asset(self.path, None, tuple(version for version in self.versions if version.blob is not None))

    def to_json(self) -> dict[str, Any]:
        """Return the asset as JSON-compatible data."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Asset:
        """Build an asset from the result of :meth:`to_json`."""
        versions = []
        for version in record["versions"]:
            attributes = version["attributes"]
            tags = attributes["tags"]
            attributes = Attributes(**{**attributes, "tags": None if tags is None else tuple(tags)})
            versions.append(Version(**{**version, "attributes": attributes}))
        return cls(record["path"], record["disk"], tuple(versions))


@dataclass(frozen=True, slots=True)
class Folder(_Placed):
    """
    A folder of the media library.

    :param path: path in the media library, with a leading slash.
    :param created_ms: Unix time in milliseconds.
    :param updated_ms: Unix time in milliseconds.
    """

    created_ms: int
    updated_ms: int

    @property
    def id(self) -> str:
        """Return the ``folderId``."""
        return asset_id("folder", self.path)
