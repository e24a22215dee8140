"""These tests have an environment of their own, so `make test-cluster` runs them and `make test` does not."""

from __future__ import annotations

import os

if not os.environ.get("IMAGEKIT_TEST_CLUSTER"):
    collect_ignore_glob = ["test_*.py"]
