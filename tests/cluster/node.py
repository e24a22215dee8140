"""The name that a process of the cluster gives as its machine's."""

from __future__ import annotations

import os

__all__ = ["NODE_VARIABLE", "name"]

NODE_VARIABLE = "IMAGEKIT_CLUSTER_NODE"


def name() -> str:
    """Return the machine's name; Airflow notes it with every task."""
    return os.environ[NODE_VARIABLE]
