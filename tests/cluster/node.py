"""Host name callable of the cluster's processes."""

from __future__ import annotations

import os

__all__ = ["NODE_VARIABLE", "name"]

NODE_VARIABLE = "IMAGEKIT_CLUSTER_NODE"


def name() -> str:
    """Return the machine's name, which Airflow records for every task."""
    return os.environ[NODE_VARIABLE]
