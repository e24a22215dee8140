"""Airflow plugins that run in the API server."""

from __future__ import annotations
