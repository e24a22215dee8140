"""Decide whether pictures are similar by their pHashes, without Airflow, HTTP or file access."""

from __future__ import annotations
