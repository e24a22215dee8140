"""The metadata of pictures and videos: geometry, EXIF, perceptual hash."""

from __future__ import annotations
