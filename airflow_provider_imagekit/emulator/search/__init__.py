"""The query language of the listing."""

from __future__ import annotations
