from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Where a library's table shall be."""
    return tmp_path / "library.jsonl"
