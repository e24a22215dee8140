"""From the socket to the route and back: listening, recording, faults."""

from __future__ import annotations
