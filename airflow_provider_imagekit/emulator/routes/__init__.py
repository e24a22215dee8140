"""Handlers of the API endpoints, of deliveries and of the start page."""

from __future__ import annotations
