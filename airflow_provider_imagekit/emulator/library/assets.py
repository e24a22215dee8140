"""Files of the media library and their versions, as values that never change."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["Asset", "Attributes", "Folder", "Version", "asset_id"]


def asset_id(kind: str, path: str) -> str:
    """
    Return an id in the form of ImageKit's: 24 lower-case hexadecimal digits.

    It depends on the path alone, so ids are equal from run to run and a replaced file keeps its own.

    :param kind: ``file``, ``folder``, or for a later version its number.
    :param path: path in the media library.
    """
    return hashlib.sha256(f"{kind}\n{path}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What users attach to a file."""

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
    :param attributes: what users attached to it.
    """

    number: int
    blob: str | None
    created_ms: int
    updated_ms: int
    attributes: Attributes = field(default_factory=Attributes)


@dataclass(frozen=True, slots=True)
class _Placed:
    """What has a path in the media library, with a leading slash."""

    path: str

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Return the path of the folder it lies in; ``/`` at the top."""
        return self.path.rpartition("/")[0] or "/"


@dataclass(frozen=True, slots=True)
class Asset(_Placed):
    """
    A file of the media library.

    :param path: path in the media library, with a leading slash.
    :param disk: signature of the file in the library folder that was taken into account; ``None`` if none is.
    :param versions: oldest first; empty for a file of the folder that was deleted through the API.
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
        """Return the ``versionInfo.id`` of a version; the first one's is the ``fileId``."""
        return self.id if version.number == 1 else asset_id(f"version {version.number}", self.path)

    def content_key(self, version: Version) -> str:
        """Return a text that changes when the version's content may have changed."""
        return version.blob or f"{self.path}\n{self.disk}"

    def with_current(self, **changes: Any) -> Asset:
        """Return the asset with a changed current version."""
        return replace(self, versions=(*self.versions[:-1], replace(self.current, **changes)))

    def found_on_disk(self, disk: str, modified_ms: int) -> Asset:
        """
        Return the asset after its file in the library folder has come or changed.

        A change on disk makes a new version, as an upload does. The older content on disk is gone, and so
        is a version that stood for it.
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
        """Return the asset after its file in the library folder was removed; maybe without versions."""
        return Asset(self.path, None, tuple(version for version in self.versions if version.blob is not None))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Asset:
        """Return what :meth:`to_json` wrote down."""
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
