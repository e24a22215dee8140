"""Decide on the likeness of pictures by their pHashes: no Airflow, no HTTP, no file is opened here."""

from __future__ import annotations
