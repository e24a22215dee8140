"""Parses transformation strings, computes picture sizes and renders the result."""

from __future__ import annotations
