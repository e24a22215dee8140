"""The HTTP server: listens, records requests, injects faults and calls the routes."""

from __future__ import annotations
