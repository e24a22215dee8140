"""The media library: files, versions, changes, and what was measured of them."""

from __future__ import annotations
