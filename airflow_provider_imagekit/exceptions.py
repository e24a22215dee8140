"""
Everything that this package raises.

::

    ImageKitError
    ├── ImageKitConfigurationError      the Airflow Connection cannot be used as it is (also a ValueError)
    ├── ImageKitInputError              an argument cannot be used as it is (also a ValueError)
    │   └── InvalidPHashError           a text is not a 64-bit pHash
    ├── ImageKitTransportError          no answer: refused, reset, timed out
    ├── UnknownOutcomeError             a write that must not be repeated may or may not have been done
    ├── CallLimitError                  the task has made as many requests as max_calls allows
    ├── ImageKitStatusError             an answer that says no
    │   ├── ImageKitBadRequestError     400
    │   ├── ImageKitAuthError           401, 403
    │   ├── ImageKitNotFoundError       404
    │   ├── ImageKitRateLimitError      429
    │   └── ImageKitServerError         5xx
    ├── ImageKitResponseError           2xx with an unusable body
    │   └── ImageKitOversizeError       a body beyond the size limit
    ├── StorageError                    the storage of a table or bank does not answer
    ├── MissingPHashError               the file has no pHash: a video, a vector file
    ├── NearDuplicateError              a file looks like one that is there already
    ├── PHashMismatchError              two hashes that cannot change do not match
    ├── TableInUseError                 another run works on the table, or has replaced it
    ├── StoppedError                    a long computation was stopped before its end
    │   └── LibraryStoppedError         a run over a library; the next try goes on where it was
    ├── TooManyDeletedFilesError        more files of a library were gone than max_deleted allows
    ├── WebhookVerificationError        a webhook delivery is not ImageKit's, too old or unreadable
    └── TooManyFailedFilesError         more files of a library failed than were allowed to

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
    Raised, as one of its subclasses, for everything that goes wrong between this package and ImageKit.

    :param message: what happened.
    :param help: what to do about it.
    :param status: HTTP status of the answer; ``None`` without an answer.
    :param reason: ImageKit's own code of the reason, such as ``FILE_ALREADY_EXISTS``.
    :param request_id: ``x-ik-requestId`` of the answer; ImageKit's support asks for it.
    """

    #: Whether the same request may succeed a little later.
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
        Return the same error with a message that names what it is about.

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
    """Raised when the Airflow Connection cannot be used as it is."""


class ImageKitInputError(ImageKitError, ValueError):
    """Raised when an argument, once rendered, cannot be used as it is."""


class InvalidPHashError(ImageKitInputError):
    """Raised when a text is not a 64-bit perceptual hash."""


class ImageKitTransportError(ImageKitError):
    """
    Raised when no complete answer arrived: refused, reset, cut off, timed out.

    :param sent: whether the server may have received the request.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class UnknownOutcomeError(ImageKitError):
    """Raised when a write got no usable answer and must not be repeated: it may have been done or not."""


class CallLimitError(ImageKitError):
    """Raised instead of a request more than the ``max_calls`` of a task; a retry would only spend more."""


class WebhookVerificationError(ImageKitError):
    """Raised when a webhook delivery has no valid signature, is too old or cannot be read."""


class ImageKitStatusError(ImageKitError):
    """Raised when ImageKit answers with a status that has no class of its own."""


class ImageKitBadRequestError(ImageKitStatusError):
    """Raised for 400: the request, or the file it names, is at fault."""


class ImageKitAuthError(ImageKitStatusError):
    """Raised for 401 (no key was sent) and 403 (the key is wrong, expired, or not allowed to do this)."""


class ImageKitNotFoundError(ImageKitStatusError):
    """
    Raised for 404: the file does not exist, or cannot be reached at this time.

    :param missing: ids that ImageKit named, of a request for several files.
    """

    def __init__(self, message: str, *, missing: Sequence[str] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.missing = list(missing)


class ImageKitRateLimitError(ImageKitStatusError):
    """
    Raised for 429, and instead of a request that would have to wait longer than allowed.

    ``status`` is 429 if ImageKit refused, and ``None`` if the request was not sent.

    :param reset_ms: milliseconds until the account may send again; ``None`` if ImageKit did not say.
    :param requests_per_second: the limit that ImageKit named; ``None`` if it named none.
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
    """Raised for 5xx, and for 408, 423 and 425, which also pass by themselves."""

    retryable = True


class ImageKitResponseError(ImageKitError):
    """Raised when ImageKit answers 2xx with a body that cannot be used."""

    retryable = True


class ImageKitOversizeError(ImageKitResponseError):
    """Raised instead of reading a body beyond the size limit; the next one would be as large."""

    retryable = False


class StorageError(ImageKitError):
    """Raised when the storage of a table or bank does not answer, or not in time; another try may succeed."""

    retryable = True


class MissingPHashError(ImageKitError):
    """Raised when a file has no perceptual hash: ImageKit computes none for videos and some vector files."""


class NearDuplicateError(ImageKitError):
    """Raised when a file that was to be uploaded looks like one that is there already."""


class PHashMismatchError(ImageKitError):
    """Raised when two hashes that cannot change do not match, so that waiting would be for nothing."""


class StoppedError(ImageKitError):
    """Raised when a long computation was stopped before its end, as when its task is killed."""

    retryable = True


class LibraryStoppedError(StoppedError):
    """Raised when a run over a library was told to stop; the next try goes on where it was."""


class TableInUseError(ImageKitError):
    """Raised when another run works on the same table, or has replaced it since this run read it."""

    retryable = True


class TooManyDeletedFilesError(ImageKitError):
    """Raised when a listing lacks more files of the table than ``max_deleted`` allows."""

    retryable = True


class TooManyFailedFilesError(ImageKitError):
    """
    Raised when more files of a library failed than were allowed to.

    :param lasting: whether those files alone are too many that would fail again, being at fault themselves.
    """

    def __init__(self, message: str, *, lasting: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.lasting = lasting

    @property
    def retryable(self) -> bool:  # type: ignore[override]  # the one class whose objects differ in it
        """Whether another try may succeed."""
        return not self.lasting
