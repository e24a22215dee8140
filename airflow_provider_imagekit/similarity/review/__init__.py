"""Review pages for the groups that a search for near-duplicates found."""

from __future__ import annotations
