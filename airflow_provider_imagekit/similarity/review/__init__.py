"""Pages to look at: self-contained HTML of what the search for near-duplicates found."""

from __future__ import annotations
