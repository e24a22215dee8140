"""Skips these tests except in `make test-warehouse`, which has a separate environment for them."""

from __future__ import annotations

import os

if not os.environ.get("IMAGEKIT_TEST_WAREHOUSE"):
    collect_ignore_glob = ["test_*.py"]
