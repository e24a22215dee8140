"""What pictures tell of themselves: geometry, EXIF, perceptual hash."""

from __future__ import annotations
