"""These tests take minutes, so `make test-stack` runs them and `make test` does not."""

from __future__ import annotations

import os

if not os.environ.get("IMAGEKIT_TEST_STACK"):
    collect_ignore_glob = ["test_*.py"]
