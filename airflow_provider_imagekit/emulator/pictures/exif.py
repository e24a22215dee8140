"""
Reads EXIF in ImageKit's format: six sections, ExifTool's tag names, plain JSON values.

The documented responses match the npm package ``exif`` with binary fields converted to text, so this reader
follows that package: rationals become numbers and ``x/0`` becomes ``null``, a list of one becomes its
element, one trailing NUL is removed, and tags without a name are dropped. Malformed input never raises: a
value outside the file is dropped, and a broken directory ends its section.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from airflow_provider_imagekit.emulator.pictures.exif_tags import GPS_TAGS, TAGS

__all__ = ["read_exif"]

_HEADER = b"Exif\x00\x00"
_MAX_ENTRIES = 128  # per directory, as in the npm package
_MAX_VALUE_BYTES = 65_536

# Binary notes of the camera's vendor, and padding; both are omitted.
_MAKER_NOTE, _PADDING = 0x927C, 0xEA1C
_EXIF_POINTER, _GPS_POINTER, _INTEROP_POINTER = "ExifOffset", "GPSInfo", "InteropOffset"

_ASCII, _UNDEFINED = 2, 7
_RATIONALS = {5: "I", 10: "i"}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}


def read_exif(segment: bytes | None) -> dict[str, dict[str, Any]]:
    """
    Return the sections ``image``, ``thumbnail``, ``exif``, ``gps``, ``interoperability`` and ``makernote``.

    :param segment: EXIF block of a file, with or without its ``Exif`` header.
    :return: all six sections, each possibly empty; ``{}`` without readable EXIF, as ImageKit returns it.
    """
    reader = _Reader.of(segment or b"")
    if reader is None:
        return {}
    image, next_directory = reader.directory(reader.first_directory, TAGS)
    thumbnail, _ = reader.directory(next_directory, TAGS)
    exif, _ = reader.directory(image.get(_EXIF_POINTER), TAGS)
    gps, _ = reader.directory(image.get(_GPS_POINTER), GPS_TAGS)
    interoperability, _ = reader.directory(exif.get(_INTEROP_POINTER), TAGS)
    return {
        "image": image,
        "thumbnail": thumbnail,
        "exif": exif,
        "gps": gps,
        "interoperability": interoperability,
        "makernote": {},
    }


@dataclass(frozen=True, slots=True)
class _Reader:
    data: bytes
    order: str  # "<" or ">", as in struct formats
    first_directory: int

    @classmethod
    def of(cls, segment: bytes) -> _Reader | None:
        data = segment.removeprefix(_HEADER)
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            return None
        magic, first = struct.unpack(order + "HI", data[2:8])
        return cls(data, order, first) if magic == 42 else None

    def directory(self, offset: Any, names: dict[int, str]) -> tuple[dict[str, Any], int]:
        """Return the named fields of the directory at an offset, and the offset of the next directory."""
        fields: dict[str, Any] = {}
        if not isinstance(offset, int) or not 8 <= offset <= len(self.data) - 2:
            return fields, 0
        (count,) = self._unpack("H", offset)
        for index in range(min(count, _MAX_ENTRIES)):
            try:
                tag, value = self._entry(offset + 2 + 12 * index)
            except (struct.error, ValueError):
                continue
            if tag in names and tag not in (_MAKER_NOTE, _PADDING):
                fields[names[tag]] = value
        try:
            (following,) = self._unpack("I", offset + 2 + 12 * count)
        except struct.error:
            following = 0
        return fields, following

    def _entry(self, offset: int) -> tuple[int, Any]:
        tag, kind, count = self._unpack("HHI", offset)
        size = _SIZES.get(kind, 0) * count
        if not _SIZES.get(kind) or size > _MAX_VALUE_BYTES:
            raise ValueError("a value of unknown type or excessive length")
        start = offset + 8 if size <= 4 else self._unpack("I", offset + 8)[0]
        if start + size > len(self.data):
            raise ValueError("a value outside the file")
        return tag, self._value(kind, count, start)

    def _value(self, kind: int, count: int, start: int) -> Any:
        if kind in (_ASCII, _UNDEFINED):
            text = self.data[start : start + count].decode("latin-1")
            return text.removesuffix("\x00") if kind == _ASCII else text
        if kind in _RATIONALS:
            parts = self._unpack(f"{2 * count}{_RATIONALS[kind]}", start)
            values = [_quotient(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
        else:
            values = list(self._unpack(f"{count}{_NUMBERS[kind]}", start))
        return values[0] if len(values) == 1 else values

    def _unpack(self, layout: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(self.order + layout, self.data, offset)


def _quotient(numerator: int, denominator: int) -> float | int | None:
    if denominator == 0:
        return None  # NaN and Infinity in JavaScript, which JSON encodes as null
    if numerator % denominator == 0:
        return numerator // denominator
    return numerator / denominator
