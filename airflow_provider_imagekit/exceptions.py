"""
The exceptions that this package raises.

::

    ImageKitError
    ├── ImageKitConfigurationError      the Airflow Connection is incomplete or invalid (also a ValueError)
    ├── ImageKitInputError              an argument is invalid (also a ValueError)
    │   └── InvalidPHashError           a text is not a 64-bit pHash
    ├── ImageKitTransportError          no response: refused, reset, timed out
    ├── UnknownOutcomeError             a write that must not be repeated may have succeeded or not
    ├── CallLimitError                  the task has sent as many requests as max_calls allows
    ├── ImageKitStatusError             a response with an error status
    │   ├── ImageKitBadRequestError     400
    │   ├── ImageKitAuthError           401, 403
    │   ├── ImageKitNotFoundError       404
    │   ├── ImageKitRateLimitError      429
    │   └── ImageKitServerError         5xx
    ├── ImageKitResponseError           2xx with an unusable body
    │   └── ImageKitOversizeError       a body beyond the size limit
    ├── StorageError                    the storage of a table or bank does not respond
    ├── MissingPHashError               the file has no pHash: a video, a vector file
    ├── NearDuplicateError              a file is a near-duplicate of an existing one
    ├── PHashMismatchError              two fixed hashes do not match
    ├── TableInUseError                 another run is writing the table, or has replaced it
    ├── StoppedError                    a long computation was stopped early
    │   └── LibraryStoppedError         a library run was stopped; the next try resumes it
    ├── TooManyDeletedFilesError        more files are missing from a listing than max_deleted allows
    ├── WebhookVerificationError        a webhook delivery is unsigned, too old or unreadable
    └── TooManyFailedFilesError         more files failed than max_failed allows

They are plain exceptions, not ``AirflowException``: Airflow's ``soft_fail`` turns an ``AirflowException``
raised after a deferral into a skip, and a wrong key must never end as "skipped".
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

__all__ = [
    "CallLimitError",
    "ImageKitAuthError",
    "ImageKitBadRequestError",
    "ImageKitConfigurationError",
    "ImageKitError",
    "ImageKitInputError",
    "ImageKitNotFoundError",
    "ImageKitOversizeError",
    "ImageKitRateLimitError",
    "ImageKitResponseError",
    "ImageKitServerError",
    "ImageKitStatusError",
    "ImageKitTransportError",
    "InvalidPHashError",
    "LibraryStoppedError",
    "MissingPHashError",
    "NearDuplicateError",
    "PHashMismatchError",
    "StoppedError",
    "StorageError",
    "TableInUseError",
    "TooManyDeletedFilesError",
    "TooManyFailedFilesError",
    "UnknownOutcomeError",
    "WebhookVerificationError",
]


class ImageKitError(Exception):
    """
    Base class of every error of this package; only its subclasses are raised.

    :param message: what happened.
    :param help: what the user can do about it.
    :param status: HTTP status of the response; ``None`` if there was no response.
    :param reason: ImageKit's code for the reason, such as ``FILE_ALREADY_EXISTS``.
    :param request_id: ``x-ik-requestId`` of the response, which ImageKit's support needs.
    """

    #: Whether the same request may succeed later.
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - ImageKit's own name for it
        status: int | None = None,
        reason: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.status = status
        self.reason = reason
        self.request_id = request_id

    def __str__(self) -> str:
        prefix = f"HTTP {self.status}: " if self.status is not None else ""
        message = self.message if self.message.endswith((".", "!", "?")) else f"{self.message}."
        reason = f" [{self.reason}]" if self.reason else ""
        helped = f" {self.help}" if self.help else ""
        request = f" (request id {self.request_id})" if self.request_id else ""
        return f"{prefix}{message if helped or reason else self.message}{reason}{helped}{request}"

    def details(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain JSON."""
        return dict(vars(self))

    def about(self, subject: str) -> Self:
        """
        Return a copy of the error whose message starts with a subject.

        :param subject: such as ``file_id 5f0…`` or ``reference``.
        """
        named = copy.copy(self)
        named.message = f"{subject}: {self.message}"
        return named.with_traceback(self.__traceback__)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.details())


def _rebuild(cls: type[ImageKitError], details: dict[str, Any]) -> ImageKitError:
    return cls(**details)


class ImageKitConfigurationError(ImageKitError, ValueError):
    """Raised when a field of the Airflow Connection is missing or invalid."""


class ImageKitInputError(ImageKitError, ValueError):
    """Raised when the rendered value of an argument is invalid."""


class InvalidPHashError(ImageKitInputError):
    """Raised when a text is not a 64-bit perceptual hash."""


class ImageKitTransportError(ImageKitError):
    """
    Raised when no complete response arrived: refused, reset, cut off, timed out.

    :param sent: whether the server may have received the request.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class UnknownOutcomeError(ImageKitError):
    """Raised when a write got no usable response and must not be repeated; it may have succeeded or not."""


class CallLimitError(ImageKitError):
    """Raised instead of sending more requests than a task's ``max_calls``; a retry would send even more."""


class WebhookVerificationError(ImageKitError):
    """Raised when a webhook delivery has no valid signature, is too old or cannot be read."""


class ImageKitStatusError(ImageKitError):
    """Raised for an error status that none of the subclasses covers."""


class ImageKitBadRequestError(ImageKitStatusError):
    """Raised for 400: the request is invalid, or ImageKit cannot process the file."""


class ImageKitAuthError(ImageKitStatusError):
    """Raised for 401 (no key was sent) and 403 (the key is wrong, expired, or lacks the permission)."""


class ImageKitNotFoundError(ImageKitStatusError):
    """
    Raised for 404: the file does not exist, or ImageKit cannot reach it at the moment.

    :param missing: ids of the missing files, if the request named several files.
    """

    def __init__(self, message: str, *, missing: Sequence[str] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.missing = list(missing)


class ImageKitRateLimitError(ImageKitStatusError):
    """
    Raised for 429, and instead of sending a request that would wait longer than allowed.

    ``status`` is 429 if ImageKit refused the request, and ``None`` if it was not sent.

    :param reset_ms: milliseconds until the rate limit resets; ``None`` if unknown.
    :param requests_per_second: the account's limit as ImageKit reported it; ``None`` if unknown.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        reset_ms: int | None = None,
        requests_per_second: float | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.reset_ms = reset_ms
        self.requests_per_second = requests_per_second


class ImageKitServerError(ImageKitStatusError):
    """Raised for 5xx, and for 408, 423 and 425, which are temporary as well."""

    retryable = True


class ImageKitResponseError(ImageKitError):
    """Raised for a 2xx response whose body cannot be used."""

    retryable = True


class ImageKitOversizeError(ImageKitResponseError):
    """Raised instead of reading a body beyond the size limit; a retry would get the same body."""

    retryable = False


class StorageError(ImageKitError):
    """Raised when the storage of a table or bank does not respond in time; a retry may succeed."""

    retryable = True


class MissingPHashError(ImageKitError):
    """Raised when a file has no perceptual hash, as videos and some vector files."""


class NearDuplicateError(ImageKitError):
    """Raised when the file to upload is a near-duplicate of an existing one."""


class PHashMismatchError(ImageKitError):
    """Raised when two fixed hashes do not match, so that waiting is pointless."""


class StoppedError(ImageKitError):
    """Raised when a long computation is stopped early, as when its task is killed."""

    retryable = True


class LibraryStoppedError(StoppedError):
    """Raised when a library run is stopped; the next try resumes where it stopped."""


class TableInUseError(ImageKitError):
    """Raised when another run is writing the same table, or has replaced it since this run read it."""

    retryable = True


class TooManyDeletedFilesError(ImageKitError):
    """Raised when more files of the table are missing from the listing than ``max_deleted`` allows."""

    retryable = True


class TooManyFailedFilesError(ImageKitError):
    """
    Raised when more files failed than ``max_failed`` allows.

    :param lasting: whether the files with permanent errors alone exceed the limit, so that a retry fails too.
    """

    def __init__(self, message: str, *, lasting: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.lasting = lasting

    @property
    def retryable(self) -> bool:  # type: ignore[override]  # differs between instances of this class
        """Whether a retry may succeed."""
        return not self.lasting
