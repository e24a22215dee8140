"""Metadata of videos and dimensions of SVG files."""

from __future__ import annotations

import importlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["VIDEO_FIELDS", "svg_size", "video_fields"]

#: Metadata fields of a video, besides its size in bytes.
VIDEO_FIELDS = ("height", "width", "bitRate", "duration", "audioCodec", "videoCodec")

_MAX_NUMBER = 2**53  # exact in every JSON reader
_SVG_HEAD_BYTES = 4096
_SVG_ROOT = re.compile(rb"<svg\b[^>]*>", re.DOTALL)
_SVG_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:px)?", re.ASCII)


def video_fields(content: bytes, sidecar: Path | None) -> dict[str, Any]:
    """
    Return the metadata of a video.

    It is read from a sidecar file (``clip.mp4.imagekit.json`` beside ``clip.mp4``), or else from the video
    with PyAV, if PyAV is installed.

    :param content: content of the video.
    :param sidecar: path of the sidecar file, which need not exist.
    :return: the known fields of :data:`VIDEO_FIELDS`; ``bitRate`` in bits per second, ``duration`` in whole
        seconds, as in the documented responses.
    """
    stated = _sidecar_fields(sidecar) if sidecar is not None else None
    return _probed_fields(content) if stated is None else stated


def svg_size(content: bytes) -> tuple[int, int] | None:
    """
    Return width and height of an SVG file in pixels, from the attributes of its root element.

    :param content: content of the file; only its first 4096 bytes are read, and references are not followed.
    """
    root = _SVG_ROOT.search(content[:_SVG_HEAD_BYTES])
    if root is None:
        return None
    attributes = dict(re.findall(r"(\w+)\s*=\s*[\"']([^\"']*)[\"']", root[0].decode("utf-8", "replace")))
    stated = [_SVG_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height")]
    sides = [found[1] for found in stated if found]
    if len(sides) < 2:
        sides = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())[2:]
    try:
        width, height = (round(float(side)) for side in sides)
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _sidecar_fields(path: Path) -> dict[str, Any] | None:
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(stated, dict):
        return None
    return {name: stated[name] for name in VIDEO_FIELDS if _is_plausible(name, stated.get(name))}


def _is_plausible(name: str, value: object) -> bool:
    if name.endswith("Codec"):
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER


def _probed_fields(content: bytes) -> dict[str, Any]:
    try:
        av: Any = importlib.import_module("av")
    except ImportError:
        return {}
    try:
        with av.open(io.BytesIO(content)) as container:
            video = container.streams.video[0] if container.streams.video else None
            audio = container.streams.audio[0] if container.streams.audio else None
            found = {
                "height": video.height if video else None,
                "width": video.width if video else None,
                "bitRate": container.bit_rate or None,
                "duration": container.duration // av.time_base if container.duration else None,
                "audioCodec": audio.codec_context.name if audio else None,
                "videoCodec": video.codec_context.name if video else None,
            }
    except (av.FFmpegError, ValueError, IndexError):
        return {}
    return {name: value for name, value in found.items() if value is not None}
