"""
Measures files when their properties are first needed and caches the results by content.

A listing only needs a file's header (type, width, height), which is cheap to read. Decoding (pHash, EXIF) is
expensive and happens only when the file's metadata is requested.
"""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar

from PIL import Image

from airflow_provider_imagekit.emulator.errors import corrupt_file
from airflow_provider_imagekit.emulator.library.disk import SIDECAR_SUFFIX
from airflow_provider_imagekit.emulator.pictures.media import svg_size, video_fields
from airflow_provider_imagekit.emulator.pictures.metadata import (
    format_of,
    has_alpha,
    picture_metadata,
    sides_of,
)
from airflow_provider_imagekit.phash.pictures import BadPictureError, open_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_imagekit.emulator.library.assets import Asset, Version
    from airflow_provider_imagekit.emulator.library.library import Library

__all__ = ["Cache", "Facts", "Measurer", "facts_of"]

_MAX_ENTRIES = 20_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Facts:
    """
    Measured properties of a file that appear in a listing.

    :param mime: media type, detected from the content of a picture and from the name of other files.
    :param size: bytes.
    :param width: pixels; ``None`` for files without dimensions.
    :param height: pixels.
    :param has_alpha: whether the picture has an alpha band.
    :param format: ImageKit's name of the format.
    :param video: bit rate, duration and codecs of a video.
    """

    mime: str
    size: int
    width: int | None = None
    height: int | None = None
    has_alpha: bool = False
    format: str = ""
    video: dict[str, Any] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Return whether ImageKit classifies the file as an image."""
        return self.mime.startswith("image/")


class Cache(Generic[Value]):
    """
    A thread-safe cache of the most recently used values.

    :param size: maximum number of values.
    """

    def __init__(self, size: int = _MAX_ENTRIES) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        """Return the cached value, if any."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: Value) -> Value:
        """Cache a value and return it."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class Measurer:
    """
    Measures files of a library; thread-safe.

    :param library: the media library.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._facts: Cache[Facts] = Cache()
        self._known: Cache[str] = Cache()
        self._metadata: Cache[bytes] = Cache()

    def facts(self, asset: Asset, version: Version) -> Facts:
        """
        Return the properties of a version that appear in a listing.

        :raises FileNotFoundError: if it has been removed.
        """
        key = asset.content_key(version)
        return self._facts.get(key) or self._facts.put(key, self._read_facts(asset, version))

    def known_metadata(self, asset: Asset, version: Version) -> bytes | None:
        """Return the metadata as JSON if it is cached."""
        key = self._known.get(asset.content_key(version))
        return self._metadata.get(key) if key else None

    def metadata(self, asset: Asset, version: Version) -> bytes:
        """
        Return the metadata of a version as JSON.

        :raises ApiError: if the file is corrupt.
        :raises FileNotFoundError: if it has been removed.
        """
        known = self.known_metadata(asset, version)
        if known is not None:
            return known
        facts = self.facts(asset, version)
        content = self._library.read(asset, version)
        key = self._known.put(asset.content_key(version), _key(content, facts))
        return self._metadata_under(key, content, facts)

    def metadata_of(self, content: bytes, facts: Facts) -> bytes:
        """
        Return the metadata of file content as JSON.

        :param content: content of the file.
        :param facts: its measured properties.
        :raises ApiError: if the content is corrupt.
        """
        return self._metadata_under(_key(content, facts), content, facts)

    def _metadata_under(self, key: str, content: bytes, facts: Facts) -> bytes:
        return self._metadata.get(key) or self._metadata.put(key, _encode(_measure(content, facts)))

    def _read_facts(self, asset: Asset, version: Version) -> Facts:
        path = self._library.locate(asset, version)
        if path is None:
            return facts_of(self._library.read(asset, version), asset.name)
        sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
        try:
            return _facts_of(lambda: path.open("rb"), path.stat().st_size, asset.name, sidecar)
        except OSError as error:
            raise FileNotFoundError(asset.path) from error  # removed or unreadable


def facts_of(content: bytes, name: str) -> Facts:
    """
    Measure the properties of file content that appear in a listing.

    :param content: content of the file.
    :param name: name of the file.
    """
    return _facts_of(lambda: io.BytesIO(content), len(content), name)


def _facts_of(opener: Callable[[], IO[bytes]], size: int, name: str, sidecar: Path | None = None) -> Facts:
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    suffix = name.rpartition(".")[2].lower()
    try:
        with opener() as file, open_picture(file) as image:
            mime = Image.MIME.get(image.format or "", mime).replace("image/mpo", "image/jpeg")
            return Facts(mime, size, *sides_of(image), has_alpha(image), format_of(image))
    except BadPictureError:
        pass
    if mime == "image/svg+xml":
        with opener() as file:
            width, height = svg_size(file.read()) or (None, None)
        return Facts(mime, size, width, height, has_alpha=True, format="svg")
    if mime.startswith("video/"):
        with opener() as file:
            video = video_fields(file.read(), sidecar)
        return Facts(
            mime, size, video.pop("width", None), video.pop("height", None), format=suffix, video=video
        )
    return Facts(mime, size, format=suffix)


def _measure(content: bytes, facts: Facts) -> dict[str, Any]:
    try:
        return picture_metadata(content)
    except BadPictureError:
        if facts.mime.startswith("image/") and facts.format != "svg":
            raise corrupt_file() from None
    sides = {} if facts.height is None else {"height": facts.height, "width": facts.width}
    if facts.mime.startswith("video/"):
        return {**sides, **facts.video, "size": facts.size}
    return {**sides, "size": facts.size, "format": facts.format}


def _key(content: bytes, facts: Facts) -> str:
    # The type is part of the key, because for files other than pictures it depends on the name.
    return f"{hashlib.sha256(content).hexdigest()} {facts.mime} {facts.format} {facts.video}"


def _encode(metadata: Any) -> bytes:
    return json.dumps(metadata, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
