"""Webhooks: registration, signatures and deliveries."""

from __future__ import annotations
