"""The media library: files, versions, stored changes, jobs and measured properties."""

from __future__ import annotations
