"""The OpenAPI description of what the emulator answers."""

from __future__ import annotations
