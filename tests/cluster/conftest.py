"""The cluster tests have a separate environment: `make test-cluster` runs them, `make test` does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cluster.object_store import ObjectStore

if not os.environ.get("IMAGEKIT_TEST_CLUSTER"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def server() -> Iterator[ObjectStore]:
    """One server for all tests, because Airflow caches the address of a store in its process."""
    from tests.cluster.object_store import object_store

    with object_store() as store:
        yield store
