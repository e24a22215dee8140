"""Build and read the event payloads with which a trigger reports to its task."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit import exceptions
from airflow_provider_imagekit.exceptions import ImageKitError

__all__ = ["failed", "matched", "read_event", "timed_out"]


def matched(value: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a wait that ended with a value for XCom."""
    return {"status": "matched", "value": value}


def failed(error: ImageKitError) -> dict[str, Any]:
    """Return the payload of a wait that ended with an error; it is plain JSON and contains no secret."""
    return {"status": "failed", "error": type(error).__name__, "details": error.details()}


def timed_out(reason: str) -> dict[str, Any]:
    """Return the payload of a wait that timed out, with the result of the last check."""
    return {"status": "timed out", "reason": reason}


def read_event(event: Any) -> dict[str, Any]:
    """
    Return the value of an event.

    :param event: the event that Airflow passes to the resumed task.
    :raises TimeoutError: if the wait timed out, with the result of the last check.
    :raises ImageKitError: the trigger's error, in its own class, or an error for a payload that none of our
        triggers writes.
    """
    match event:
        case {"status": "matched", "value": dict(value)}:
            return dict(value)
        case {"status": "timed out", "reason": str(reason)}:
            raise TimeoutError(reason)
        case {"status": "failed", "error": str(name), "details": dict(details)}:
            error = getattr(exceptions, name, None)
            if isinstance(error, type) and issubclass(error, ImageKitError):
                raise _rebuilt(error, details)
    raise ImageKitError(
        f"The trigger ended without a result: {event!r}",
        help="Check the triggerer's log of this task; provider versions may differ between machines.",
    )


def _rebuilt(error: type[ImageKitError], details: dict[str, Any]) -> ImageKitError:
    try:
        return error(**details)
    except TypeError:  # another version of the provider wrote it
        return error(str(details.get("message", "The trigger failed.")))
