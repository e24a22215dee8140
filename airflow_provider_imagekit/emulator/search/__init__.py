"""The query language of ``searchQuery`` in the listing."""

from __future__ import annotations
