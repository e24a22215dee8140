"""Transformation strings: parsed, laid out, applied."""

from __future__ import annotations
