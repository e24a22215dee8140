"""Receives ImageKit's webhooks in Airflow's API server and creates asset events from them."""

from __future__ import annotations
