"""Webhooks: which are registered, and how their events are signed and sent."""

from __future__ import annotations
