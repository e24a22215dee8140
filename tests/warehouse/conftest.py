"""These tests have an environment of their own, so only `make test-warehouse` runs them."""

from __future__ import annotations

import os

if not os.environ.get("IMAGEKIT_TEST_WAREHOUSE"):
    collect_ignore_glob = ["test_*.py"]
