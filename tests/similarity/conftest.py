"""Disable Hypothesis' deadline, because an example's duration depends only on the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
