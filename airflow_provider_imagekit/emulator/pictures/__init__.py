"""Metadata of pictures and videos: dimensions, EXIF, perceptual hash."""

from __future__ import annotations
