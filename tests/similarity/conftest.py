"""Hypothesis measures no time here: how long an example takes says something of the machine alone."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
