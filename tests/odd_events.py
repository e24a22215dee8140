"""Malformed webhook events, such as a sender with a valid signature could send."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["odd_event"]

_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**70, 1e308, float("nan"), "", "a", "\ud800", "a\x00b", "\x1b[2J", "x" * 5000),
    *("file.created", "file.updated", "file-version.created", "file.deleted", "2026-03-01T00:00:00.000Z"),
    *("2026-13-99", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999+14:00", "NaN", "/in/../x.jpg"),
    *([], {}, [[[]]], {"id": {}}, ["x"] * 50),
)


def odd_event(choose: random.Random) -> dict[str, Any]:
    """Return an event with some values missing or replaced."""
    file = {"fileId": "a", "filePath": "/in/a.jpg", "versionInfo": {"id": "v"}, "updatedAt": "2026-03-01"}
    event = {"id": "1", "type": "file.created", "created_at": "2026-03-01T00:00:00.000Z", "data": file}
    for part in (event, file, file["versionInfo"]):
        for name in list(part):
            fate = choose.random()
            if fate < 0.1:
                del part[name]
            elif fate < 0.25:
                part[name] = choose.choice(_ODD)
    return event
