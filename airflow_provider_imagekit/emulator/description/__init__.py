"""The emulator's OpenAPI description."""

from __future__ import annotations
