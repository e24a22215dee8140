"""Selects the stack tests, which take minutes: `make test-stack` runs them, `make test` does not."""

from __future__ import annotations

import os

if not os.environ.get("IMAGEKIT_TEST_STACK"):
    collect_ignore_glob = ["test_*.py"]
