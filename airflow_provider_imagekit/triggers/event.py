"""How a trigger reports to its task: the one place that builds and reads event payloads."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit import exceptions
from airflow_provider_imagekit.exceptions import ImageKitError

__all__ = ["failed", "matched", "read_event", "timed_out"]


def matched(value: dict[str, Any]) -> dict[str, Any]:
    """Return the payload that ends a wait with a value for XCom."""
    return {"status": "matched", "value": value}


def failed(error: ImageKitError) -> dict[str, Any]:
    """Return the payload that ends a wait with an error; it is plain JSON and holds no secret."""
    return {"status": "failed", "error": type(error).__name__, "details": error.details()}


def timed_out(reason: str) -> dict[str, Any]:
    """Return the payload that ends a wait whose time is over, with what the last check found."""
    return {"status": "timed out", "reason": reason}


def read_event(event: Any) -> dict[str, Any]:
    """
    Return the value of an event.

    :param event: what Airflow hands to the resumed task.
    :raises TimeoutError: with what the last check found, if the time is over.
    :raises ImageKitError: the error that the trigger met, in its own class; or, for a payload that none of
        our triggers writes, one that says so.
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
        help="Look at the triggerer's log of this task; provider versions may differ between machines.",
    )


def _rebuilt(error: type[ImageKitError], details: dict[str, Any]) -> ImageKitError:
    try:
        return error(**details)
    except TypeError:  # another version of the provider wrote it
        return error(str(details.get("message", "The trigger met an error.")))
