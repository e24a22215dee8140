from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The path for a library's table."""
    return tmp_path / "library.jsonl"
