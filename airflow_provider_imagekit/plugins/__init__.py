"""What Airflow's API server gets from this provider."""

from __future__ import annotations
